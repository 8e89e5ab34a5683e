"""The light half of Segment Anything: an embedding and a prompt to masks. A pure function of the two."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from sam_segmenter import decoder_fast, decoder_weights
from sam_segmenter import decoder_graph as graph
from sam_segmenter.errors import ModelUnusable
from sam_segmenter.frame import Floats
from sam_segmenter.sharpness import CELLS, Sharpness

MASKS = graph.MASKS
# Of logits that reach tens and tensors of about one; single precision in another order differs by 1e-4.
_TOLERANCE = 2e-3


@dataclass(frozen=True, slots=True)
class Features:
    """What decoding needs of one region of one picture.

    `embedding` is half precision 256 x 64 x 64, for prompts with a mask; `held` are the decoder's tensors that depend
    on it alone, for those without.
    """

    embedding: NDArray[np.float16]
    held: tuple[NDArray[np.float32], ...]
    sharpness: Sharpness

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.embedding.nbytes + sum(tensor.nbytes for tensor in self.held)


@dataclass(frozen=True, slots=True)
class ModelPrompt:
    """A prompt in the model's terms.

    `xy` are n x 2 points on the square of 1,024; `labels` n of 1 (on the object), 0 (not on it), 2 and 3 (a box's upper
    left and lower right corner); `logits` 256 x 256 of an earlier answer, or None.
    """

    xy: Floats
    labels: Floats
    logits: Floats | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Four masks as logits 4 x 256 x 256 and the model's estimates of their IoU, 4 of 0 to 1.

    Mask 0 answers an unambiguous prompt (a box, several points), masks 1 to 3 are what a single point may mean: a part,
    a smaller whole, a whole.
    """

    logits: Floats
    predicted_iou: Floats


class Decoder:
    """Decodes; safe to call from several threads at once, since a call leaves nothing behind."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load a decoder that Segment Anything's own tool exported; `threads` cores a call, 0 for all.

        Raises ModelUnusable.
        """
        try:
            model = onnx.load_model_from_string(path.read_bytes())
        except Exception as error:  # a damaged file raises whatever the parser meets first
            raise ModelUnusable(f"The decoder {path.name} cannot be read.") from error
        parts = graph.cut(model)
        self._held = parts.held
        # Its results are kept for long. In an arena, which grows by doubling, they would hold twice their size.
        self._image = _session(parts.image, threads, arena=False)
        self._many = _Way(_session(parts.prompt, threads), _session(parts.refine, threads), parts.held)
        self._few = self._fast(model, threads)

    @property
    def is_fast(self) -> bool:
        """Whether prompts of few points are answered by the graphs of `decoder_fast`."""
        return self._few is not None

    def _fast(self, model: onnx.ModelProto, threads: int) -> "_Way | None":
        """The way for few points; None when it does not answer what the stock graph answers."""
        try:
            weights = decoder_weights.weights(model)
            prompt, refine = decoder_fast.prompt_graph(weights), decoder_fast.refine_graph(weights)
            return self._proved(_session(prompt, threads), _session(refine, threads), weights)
        except (KeyError, ValueError):
            # A strange export, or another architecture: the published order of products answers for it.
            return None

    def _proved(
        self, prompt: ort.InferenceSession, refine: ort.InferenceSession, weights: decoder_weights.Weights
    ) -> "_Way | None":
        """The way over these graphs; None unless it answers made-up prompts as it should."""
        trial = graph.trial()
        embedding, logits = trial[graph.EMBEDDING][0].astype(np.float16), trial[graph.MASK][0, 0]
        features = self.prepare(embedding, Sharpness(np.zeros((CELLS, CELLS), np.float16)))
        places = (
            embedding.reshape(256, -1).T.astype(np.float32) + weights["prompt_encoder.no_mask_embed.weight"]
        )
        known = decoder_fast.held(weights, places)
        names = tuple(_same(tensor, known) for tensor in features.held)
        if None in names:
            return None
        way = _Way(prompt, refine, tuple(map(str, names)))
        xy, labels = trial[graph.POINTS][0], trial[graph.LABELS][0]
        for earlier in (None, logits):
            expected, found = (one.run(features, xy, labels, earlier) for one in (self._many, way))
            if not all(np.allclose(a, b, atol=_TOLERANCE) for a, b in zip(expected, found, strict=True)):
                return None
        return way

    def prepare(self, embedding: NDArray[np.float16], sharpness: Sharpness) -> Features:
        """Features of an embedding 256 x 64 x 64."""
        batch = embedding[None].astype(np.float32)
        held = self._image.run(list(self._held), {graph.EMBEDDING: batch})
        return Features(embedding, tuple(held), sharpness)

    def decode(self, features: Features, prompt: ModelPrompt) -> Decoded:
        """The four masks that a prompt may mean."""
        xy, labels = _closed(prompt)
        way = self._few if self._few and len(xy) <= decoder_fast.MOST_POINTS else self._many
        logits, scores = way.run(features, xy, labels, prompt.logits)
        return Decoded(logits[0], np.clip(scores[0], 0, 1))


@dataclass(frozen=True, slots=True)
class _Way:
    """One order of the decoder's products: a graph for prompts, one for those with earlier logits, and what the first
    calls the tensors that are held."""

    prompt: ort.InferenceSession
    refine: ort.InferenceSession
    held: tuple[str, ...]

    def run(self, features: Features, xy: Floats, labels: Floats, earlier: Floats | None) -> list[Floats]:
        """Logits 1 x 4 x 256 x 256 and scores 1 x 4."""
        feed = {graph.POINTS: xy[None], graph.LABELS: labels[None]}
        if earlier is None:
            feed |= dict(zip(self.held, features.held, strict=True))
            session = self.prompt
        else:
            feed[graph.EMBEDDING] = features.embedding[None].astype(np.float32)
            feed[graph.MASK] = earlier[None, None].astype(np.float32)
            session = self.refine
        answer: list[Floats] = session.run([graph.LOGITS, graph.SCORES], feed)
        return answer


def _same(tensor: Floats, known: Mapping[str, Floats]) -> str | None:
    """The name of the equal one; None when there is none."""
    for name, value in known.items():
        if value.shape == tensor.shape and np.allclose(value, tensor, atol=_TOLERANCE):
            return name
    return None


def _closed(prompt: ModelPrompt) -> tuple[Floats, Floats]:
    """Points and labels; without a box one more that says so, as the model was trained."""
    if (prompt.labels >= 2).any():
        return prompt.xy, prompt.labels
    xy = np.concatenate((prompt.xy, np.zeros((1, 2), np.float32)))
    return xy, np.append(prompt.labels, np.float32(-1))


def _session(model: onnx.ModelProto, threads: int, *, arena: bool = True) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.enable_cpu_mem_arena = arena
    options.intra_op_num_threads = threads or _cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def best_first(scores: Floats, among: Sequence[int]) -> tuple[int, ...]:
    """Those of `among` by descending score."""
    return tuple(sorted(among, key=lambda index: -scores[index]))
