"""Segment Anything's decoder, written anew for few prompt tokens and one picture at a time.

The published decoder projects all 4,096 places of the picture for every attention: to keys, values and queries of 128,
and back to 256. A click makes only about seven tokens, so here the projections are multiplied into the tokens' side,
which is small. For a head h with projections W and places X (4,096 x 256), tokens Q:

    Q_h (X Wk_h' + bk_h)'  =  (Q_h Wk_h) X'   + what is the same for every place, which a softmax does not see
    A_h (X Wv_h' + bv_h)   =  (A_h X) Wv_h' + bv_h              because a softmax's weights sum to 1
    (A_h V_h) Wo_h'        =  A_h (V_h Wo_h')

so every product over the places has 8 heads x 7 tokens = 56 columns instead of 128, and no place is rearranged. The
transposed convolutions have kernel and stride 2 and are plain products followed by a rearrangement, which is put off to
the four masks at the end. What depends on the picture alone in the first layer is held with the embedding.

The architecture (two layers, 256 wide, 8 heads) is that of all published Segment Anything models (Kirillov et al.,
2023, appendix A). `Decoder` compares the results with the stock graph before it trusts this one.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from sam_segmenter.decoder_weights import Weights
from sam_segmenter.graph_builder import Builder

EMBEDDING, POINTS, LABELS, MASK = "image_embeddings", "point_coords", "point_labels", "mask_input"
LOGITS, SCORES = "low_res_masks", "iou_predictions"
#: What is held of a picture: keys and values for the tokens, queries of the places, and the places themselves.
HELD = {
    "keys": (1, 8, 16, 4096),
    "values": (1, 8, 4096, 16),
    "queries": (1, 8, 4096, 16),
    "places": (1, 4096, 256),
}
#: With more points (a click takes one, a box two, no box one) the published order of products is cheaper: 8 heads times
#: these and the model's own five tokens are more columns than 128.
MOST_POINTS = 10
_WIDTH, _HEADS, _HEAD, _GRID, _MASKS = 256, 8, 16, 64, 4
_PLACES = _GRID * _GRID
_SIDE_PX = 1024
_EPSILON_NORM, _EPSILON_2D = 1e-5, 1e-6
_DECODER, _ENCODER = "mask_decoder", "prompt_encoder"
_TRANSFORMER = f"{_DECODER}.transformer"
_PROMPT = {POINTS: (1, "n", 2), LABELS: (1, "n")}
_ANSWER = {LOGITS: (1, _MASKS, 256, 256), SCORES: (1, _MASKS)}
Array = NDArray[np.float32]


def prompt_graph(weights: Weights) -> ModelProto:
    """Points and what is held -> four masks as logits and their scores. Raises KeyError for a missing weight."""
    net = _Net(weights, held=True)
    net.decode(net.b.reshape("places", _PLACES, _WIDTH))
    return net.b.model({**_PROMPT, **HELD}, _ANSWER)


def refine_graph(weights: Weights) -> ModelProto:
    """Points, an embedding and an earlier answer's logits -> the same. Raises KeyError for a missing weight."""
    net = _Net(weights, held=False)
    net.decode(net.masked())
    return net.b.model({**_PROMPT, EMBEDDING: (1, _WIDTH, _GRID, _GRID), MASK: (1, 1, 256, 256)}, _ANSWER)


def held(weights: Weights, places: Array) -> dict[str, Array]:
    """What is held of a picture, from its embedding with the embedding of "no mask" added, 4,096 x 256."""
    w, layer = weights, f"{_TRANSFORMER}.layers.0"
    located = places + position(weights)

    def heads(x: Array, name: str) -> Array:
        y = x @ w[f"{layer}.{name}.weight"].T + w[f"{layer}.{name}.bias"]
        return y.reshape(1, -1, _HEADS, _HEAD).transpose(0, 2, 1, 3)

    return {
        "keys": heads(located, "cross_attn_token_to_image.k_proj").transpose(0, 1, 3, 2),
        "values": heads(places, "cross_attn_token_to_image.v_proj"),
        "queries": heads(located, "cross_attn_image_to_token.q_proj"),
        "places": places[None],
    }


def position(weights: Weights) -> Array:
    """Where each place is, as the model writes it, 4,096 x 256."""
    at = 2 * (np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID - 1
    x, y = np.meshgrid(at, at)
    xy = np.stack((x.ravel(), y.ravel()), axis=1)
    waves = 2 * np.pi * xy @ weights[f"{_ENCODER}.pe_layer.positional_encoding_gaussian_matrix"]
    return np.concatenate((np.sin(waves), np.cos(waves)), axis=1).astype(np.float32)


class _Net:
    """Writes the graph; values are n x 256 for tokens and 4,096 x 256 for places."""

    def __init__(self, weights: Weights, *, held: bool) -> None:
        """`held` says that the first layer's keys, values and queries are inputs."""
        self.b = Builder()
        self._w = weights
        self._held = held
        self._position = self.b.const(position(weights))
        self._with_position: dict[str, str] = {}

    def masked(self) -> str:
        """The places of an embedding that an earlier mask has been added to."""
        b, name = self.b, f"{_ENCODER}.mask_downscaling"
        mask = MASK
        for conv, norm in ((0, 1), (3, 4)):
            mask = b.op("Gelu", self._norm_channels(self._conv(mask, f"{name}.{conv}", 2), f"{name}.{norm}"))
        dense = self._conv(mask, f"{name}.6", 1)
        return b.transpose(b.reshape(b.op("Add", EMBEDDING, dense), _WIDTH, _PLACES), 1, 0)

    def _conv(self, x: str, name: str, stride: int) -> str:
        b = self.b
        weight, bias = b.const(self._w[f"{name}.weight"]), b.const(self._w[f"{name}.bias"])
        return b.op("Conv", x, weight, bias, kernel_shape=[stride] * 2, strides=[stride] * 2)

    def _norm_channels(self, x: str, name: str) -> str:
        """Layer normalisation over the channels of 1 x C x H x W, which are few."""
        rows = self.b.transpose(x, 0, 2, 3, 1)
        return self.b.transpose(self._norm_places(rows, name, _EPSILON_2D), 0, 3, 1, 2)

    def decode(self, places: str) -> None:
        """From inputs to outputs."""
        b = self.b
        tokens = self._tokens()
        asked = tokens
        for number in (0, 1):
            asked, places = self._layer(number, asked, tokens, places)
        asked = b.op(
            "Add", asked, self._ask(f"{_TRANSFORMER}.final_attn_token_to_image", asked, tokens, places)
        )
        asked = self._norm(asked, f"{_TRANSFORMER}.norm_final_attn")
        self._outputs(asked, places)

    def _tokens(self) -> str:
        """The model's five tokens and those of the points."""
        b, w = self.b, self._w
        xy = b.op("Add", b.reshape(POINTS, -1, 2), b.const(0.5))
        xy = b.op("Sub", b.op("Mul", xy, b.const(2 / _SIDE_PX)), b.const(1.0))
        matrix = 2 * np.pi * w[f"{_ENCODER}.pe_layer.positional_encoding_gaussian_matrix"]
        waves = b.op("MatMul", xy, b.const(matrix))
        where = b.op("Concat", b.op("Sin", waves), b.op("Cos", waves), axis=1)
        labels = b.reshape(LABELS, -1)
        # A label of -1 says that there is no point: it has a meaning and no place.
        there = b.op("Cast", b.op("GreaterOrEqual", labels, b.const(0.0)), to=1)
        where = b.op("Mul", where, b.reshape(there, -1, 1))
        kinds = [w[f"{_ENCODER}.not_a_point_embed.weight"]]
        kinds += [w[f"{_ENCODER}.point_embeddings.{kind}.weight"] for kind in range(4)]
        index = b.op("Cast", b.op("Add", labels, b.const(1.0)), to=7)
        points = b.op("Add", where, b.op("Gather", b.const(np.concatenate(kinds)), index, axis=0))
        own = np.concatenate((w[f"{_DECODER}.iou_token.weight"], w[f"{_DECODER}.mask_tokens.weight"]))
        return b.op("Concat", b.const(own), points, axis=0)

    def _layer(self, number: int, asked: str, tokens: str, places: str) -> tuple[str, str]:
        """One layer of the two-way transformer; `tokens` serve as the tokens' own positions."""
        b, name = self.b, f"{_TRANSFORMER}.layers.{number}"
        held = self._held and number == 0
        if number == 0:
            asked = self._among(f"{name}.self_attn", asked, asked)
        else:
            asked = b.op("Add", asked, self._among(f"{name}.self_attn", b.op("Add", asked, tokens), asked))
        asked = self._norm(asked, f"{name}.norm1")
        attention = f"{name}.cross_attn_token_to_image"
        seen = (
            self._ask_held(attention, asked, tokens) if held else self._ask(attention, asked, tokens, places)
        )
        asked = self._norm(b.op("Add", asked, seen), f"{name}.norm2")
        inner = b.op("Relu", self._linear(asked, f"{name}.mlp.lin1"))
        asked = self._norm(b.op("Add", asked, self._linear(inner, f"{name}.mlp.lin2")), f"{name}.norm3")
        told = self._tell(f"{name}.cross_attn_image_to_token", asked, tokens, places, held=held)
        return asked, self._norm_places(b.op("Add", places, told), f"{name}.norm4", _EPSILON_NORM)

    def _among(self, name: str, asking: str, values: str) -> str:
        """Tokens attend to each other; heads of 32."""
        b = self.b
        q, k, v = (
            b.transpose(b.reshape(self._linear(x, f"{name}.{part}_proj"), -1, _HEADS, 32), 1, 0, 2)
            for x, part in ((asking, "q"), (asking, "k"), (values, "v"))
        )
        scores = b.op("MatMul", b.op("Mul", q, b.const(32**-0.5)), b.transpose(k, 0, 2, 1))
        mixed = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
        return self._linear(b.reshape(b.transpose(mixed, 1, 0, 2), -1, _WIDTH), f"{name}.out_proj")

    def _heads(self, x: str, name: str) -> str:
        """A projection to 8 heads of 16: 8 x n x 16."""
        b = self.b
        return b.transpose(b.reshape(self._linear(x, name), -1, _HEADS, _HEAD), 1, 0, 2)

    def _joined(self, heads: str, name: str) -> str:
        """8 x n x 16 back to n x 256."""
        b = self.b
        return self._linear(b.reshape(b.transpose(heads, 1, 0, 2), -1, _HEADS * _HEAD), f"{name}.out_proj")

    def _asking(self, name: str, asked: str, tokens: str) -> str:
        b = self.b
        return b.op("Mul", self._heads(b.op("Add", asked, tokens), f"{name}.q_proj"), b.const(_HEAD**-0.5))

    def _ask_held(self, name: str, asked: str, tokens: str) -> str:
        """Tokens attend to places, by keys and values that are held."""
        b = self.b
        q = self._asking(name, asked, tokens)
        keys, values = b.reshape("keys", _HEADS, _HEAD, _PLACES), b.reshape("values", _HEADS, _PLACES, _HEAD)
        mixed = b.op("MatMul", b.op("Softmax", b.op("MatMul", q, keys), axis=-1), values)
        return self._joined(mixed, name)

    def _ask(self, name: str, asked: str, tokens: str, places: str) -> str:
        """Tokens attend to places, with the projections on the tokens' side."""
        b = self.b
        q = self._asking(name, asked, tokens)
        turned = b.op("MatMul", q, b.const(self._by_head(f"{name}.k_proj")))
        turned = b.reshape(turned, -1, _WIDTH)
        scores = b.op("Gemm", turned, self._located(places), transB=1)
        mixed = b.op("MatMul", b.op("Softmax", scores, axis=-1), places)
        values = b.const(self._by_head(f"{name}.v_proj").transpose(0, 2, 1))
        bias = b.const(self._w[f"{name}.v_proj.bias"].reshape(_HEADS, 1, _HEAD))
        return self._joined(
            b.op("Add", b.op("MatMul", b.reshape(mixed, _HEADS, -1, _WIDTH), values), bias), name
        )

    def _tell(self, name: str, asked: str, tokens: str, places: str, *, held: bool) -> str:
        """Places attend to tokens."""
        b = self.b
        k = self._heads(b.op("Add", asked, tokens), f"{name}.k_proj")
        k = b.op("Mul", k, b.const(_HEAD**-0.5))
        if held:
            queries = b.reshape("queries", _HEADS, _PLACES, _HEAD)
            scores = b.op("MatMul", queries, b.transpose(k, 0, 2, 1))
            scores = b.transpose(scores, 1, 0, 2)
        else:
            turned = b.op("MatMul", k, b.const(self._by_head(f"{name}.q_proj")))
            offset = b.op("MatMul", k, b.const(self._w[f"{name}.q_proj.bias"].reshape(_HEADS, _HEAD, 1)))
            flat = b.reshape(turned, -1, _WIDTH)
            scores = b.op("Gemm", self._located(places), flat, b.reshape(offset, 1, -1), transB=1)
            scores = b.reshape(scores, _PLACES, _HEADS, -1)
        shares = b.reshape(b.op("Softmax", scores, axis=-1), _PLACES, -1)
        out = self._w[f"{name}.out_proj.weight"].T.reshape(_HEADS, _HEAD, _WIDTH)
        told = b.op("MatMul", self._heads(asked, f"{name}.v_proj"), b.const(out))
        return b.op("Gemm", shares, b.reshape(told, -1, _WIDTH), b.const(self._w[f"{name}.out_proj.bias"]))

    def _located(self, places: str) -> str:
        """Places with their positions."""
        if places not in self._with_position:
            self._with_position[places] = self.b.op("Add", places, self._position)
        return self._with_position[places]

    def _by_head(self, name: str) -> Array:
        """A projection's weight as 8 x 16 x 256."""
        return self._w[f"{name}.weight"].reshape(_HEADS, _HEAD, _WIDTH)

    def _linear(self, x: str, name: str) -> str:
        b = self.b
        return b.op("Gemm", x, b.const(self._w[f"{name}.weight"]), b.const(self._w[f"{name}.bias"]), transB=1)

    def _norm(self, x: str, name: str) -> str:
        b = self.b
        scale, bias = b.const(self._w[f"{name}.weight"]), b.const(self._w[f"{name}.bias"])
        return b.op("LayerNormalization", x, scale, bias, epsilon=_EPSILON_NORM)

    def _norm_places(self, x: str, name: str, epsilon: float) -> str:
        """Layer normalisation of many rows, in steps: ONNX Runtime's own node does not use the processor's vectors."""
        b, last = self.b, self.b.const([-1])
        away = b.op("Sub", x, b.op("ReduceMean", x, last))
        spread = b.op("ReduceMean", b.op("Mul", away, away), last)
        inverse = b.op("Reciprocal", b.op("Sqrt", b.op("Add", spread, b.const(epsilon))))
        scaled = b.op("Mul", b.op("Mul", away, inverse), b.const(self._w[f"{name}.weight"]))
        return b.op("Add", scaled, b.const(self._w[f"{name}.bias"]))

    def _outputs(self, asked: str, places: str) -> None:
        """Masks and scores of what the five tokens have become."""
        b = self.b
        scores = b.op("Slice", asked, b.const([0]), b.const([1]), b.const([0]))
        for number in range(3):
            scores = self._linear(scores, f"{_DECODER}.iou_prediction_head.layers.{number}")
            scores = b.op("Relu", scores) if number < 2 else scores
        b.name(scores, SCORES)
        fine = self._finer(places, f"{_DECODER}.output_upscaling.0", 64)
        fine = b.op("Gelu", self._norm_places(fine, f"{_DECODER}.output_upscaling.1", _EPSILON_2D))
        fine = b.op("Gelu", self._finer(fine, f"{_DECODER}.output_upscaling.3", 32))
        masks = b.op("MatMul", fine, b.transpose(self._mask_weights(asked), 1, 0))
        # Row, column, and twice which of the two halves of each a pixel lies in.
        masks = b.reshape(masks, _GRID, _GRID, 2, 2, 2, 2, _MASKS)
        b.name(b.reshape(b.transpose(masks, 6, 0, 2, 4, 1, 3, 5), 1, _MASKS, 256, 256), LOGITS)

    def _mask_weights(self, asked: str) -> str:
        """What each mask's token makes of the 32 channels, 4 x 32."""
        b = self.b
        hyper = b.op("Slice", asked, b.const([1]), b.const([1 + _MASKS]), b.const([0]))
        hyper = b.reshape(hyper, _MASKS, 1, _WIDTH)
        for number in range(3):
            names = [f"{_DECODER}.output_hypernetworks_mlps.{mask}.layers.{number}" for mask in range(_MASKS)]
            weight = np.stack([self._w[f"{name}.weight"].T for name in names])
            bias = np.stack([self._w[f"{name}.bias"][None] for name in names])
            hyper = b.op("Add", b.op("MatMul", hyper, b.const(weight)), b.const(bias))
            hyper = b.op("Relu", hyper) if number < 2 else hyper
        return b.reshape(hyper, _MASKS, 32)

    def _finer(self, x: str, name: str, channels: int) -> str:
        """A transposed convolution of kernel and stride 2; each row becomes four, its pixels."""
        b = self.b
        weight = self._w[f"{name}.weight"].transpose(0, 2, 3, 1)
        weight = weight.reshape(weight.shape[0], -1)
        bias = np.tile(self._w[f"{name}.bias"], 4)
        return b.reshape(b.op("Gemm", x, b.const(weight), b.const(bias)), -1, channels)
