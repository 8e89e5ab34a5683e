"""Official checkpoints of Segment Anything to ONNX, with torch and segment-anything: the extra `export`."""

import importlib.util
import sys
import types
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from sam_segmenter.errors import ModelUnusable
from sam_segmenter.frame import LOGITS_PX, SIDE_PX

OPSET = 17
#: Width, layers, heads, and the layers that look at the whole picture, of each published image encoder.
ENCODERS = {
    "vit_b": (768, 12, 12, (2, 5, 8, 11)),
    "vit_l": (1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": (1280, 32, 16, (7, 15, 23, 31)),
}
_CHANNELS, _PATCH_PX = 256, 16


def export(checkpoint: Path, model_type: str, folder: Path) -> None:
    """Write encoder.onnx and decoder.onnx of a checkpoint. Raises ModelUnusable; ImportError without the extra."""
    import torch

    model = build(*ENCODERS[model_type])
    try:
        # Weights only: a checkpoint from anywhere must not run code.
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except Exception as error:  # torch raises whatever the file makes its parts raise
        raise ModelUnusable(f"{checkpoint.name} is not a checkpoint of {model_type}.") from error
    export_model(model, folder)


def build(width: int, layers: int, heads: int, whole: tuple[int, ...]) -> Any:
    """A Segment Anything model in torch with weights drawn at random."""
    modeling = _past_package("segment_anything.modeling")
    import torch

    encoder = modeling.ImageEncoderViT(
        img_size=SIDE_PX,
        patch_size=_PATCH_PX,
        embed_dim=width,
        depth=layers,
        num_heads=heads,
        mlp_ratio=4,
        qkv_bias=True,
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=whole,
        out_chans=_CHANNELS,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    side = SIDE_PX // _PATCH_PX
    prompts = modeling.PromptEncoder(
        embed_dim=_CHANNELS,
        image_embedding_size=(side, side),
        input_image_size=(SIDE_PX, SIDE_PX),
        mask_in_chans=16,
    )
    transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=_CHANNELS, mlp_dim=2048, num_heads=8)
    decoder = modeling.MaskDecoder(
        transformer_dim=_CHANNELS, transformer=transformer, num_multimask_outputs=3
    )
    return modeling.Sam(image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder).eval()


def export_model(model: Any, folder: Path) -> None:
    """Write encoder.onnx and decoder.onnx of a torch model."""
    import torch

    decoder = _past_package("segment_anything.utils.onnx").SamOnnxModel(model, return_single_mask=False)
    side = SIDE_PX // _PATCH_PX
    clicks = 5
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer says of each size that it becomes a constant. They are constants.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.image_encoder,
            (torch.zeros(1, 3, SIDE_PX, SIDE_PX),),
            str(folder / "encoder.onnx"),
            input_names=["input"],
            output_names=["embedding"],
            dynamic_axes={"input": {0: "batch"}, "embedding": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        torch.onnx.export(
            decoder,
            (
                torch.zeros(1, _CHANNELS, side, side),
                torch.zeros(1, clicks, 2),
                torch.ones(1, clicks),
                torch.zeros(1, 1, LOGITS_PX, LOGITS_PX),
                torch.ones(1),
                torch.tensor([SIDE_PX, SIDE_PX], dtype=torch.float32),
            ),
            str(folder / "decoder.onnx"),
            input_names=[
                *("image_embeddings", "point_coords", "point_labels"),
                *("mask_input", "has_mask_input", "orig_im_size"),
            ],
            output_names=["masks", "iou_predictions", "low_res_masks"],
            dynamic_axes={"point_coords": {1: "clicks"}, "point_labels": {1: "clicks"}},
            opset_version=OPSET,
            dynamo=False,
        )


def _past_package(name: str) -> Any:
    """A module of segment-anything without its package's __init__, which imports torchvision for nothing."""
    package = "segment_anything"
    if package not in sys.modules:
        found = importlib.util.find_spec(package)
        if found is None or found.submodule_search_locations is None:
            raise ImportError("segment-anything is not installed")
        empty = types.ModuleType(package)
        empty.__path__ = list(found.submodule_search_locations)
        sys.modules[package] = empty
    return importlib.import_module(name)
