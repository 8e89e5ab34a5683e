"""Runs where torch is (test_export.py starts it): a small random model, exported from its checkpoint, and its answers.

    python torch_model.py FOLDER

Writes FOLDER/repository as `sam-segmenter export` does, and to FOLDER/answers.npz what torch says of asked.npz there.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from sam_segmenter.encoder_graph import DEVIATION, MEAN
from sam_segmenter.export import checkpoint, command

SMALL = (48, 2, 2, (1,))


def encoded(model: torch.nn.Module, pixels: np.ndarray, sizes: np.ndarray) -> torch.Tensor:
    """Embeddings as segment-anything makes them: normalise, then pad with zeros."""
    batch = []
    for picture, (height, width) in zip(pixels, sizes, strict=True):
        filled = torch.from_numpy(picture[:height, :width]).permute(2, 0, 1).float()
        normalised = (filled - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
        batch.append(torch.nn.functional.pad(normalised, (0, 1024 - width, 0, 1024 - height)))
    return model.image_encoder(torch.stack(batch))


def decoded(model: torch.nn.Module, embedding: np.ndarray, asked: dict, at: int) -> tuple:
    """All four masks and their scores. A prompt without a box gets the point that says so, as in the predictor."""
    xy, labels = torch.from_numpy(asked[f"xy{at}"])[None], torch.from_numpy(asked[f"labels{at}"])[None]
    mask = torch.from_numpy(asked[f"logits{at}"])[None, None] if f"logits{at}" in asked else None
    boxes = None
    if (labels >= 2).any():
        corners = labels[0] >= 2
        boxes, xy, labels = xy[0, corners].reshape(1, 4), xy[:, ~corners], labels[:, ~corners]
    sparse, dense = model.prompt_encoder(
        points=(xy, labels) if xy.shape[1] else None, boxes=boxes, masks=mask
    )
    logits, scores = model.mask_decoder.predict_masks(
        image_embeddings=torch.from_numpy(embedding.astype(np.float32))[None],
        image_pe=model.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
    )
    return logits[0].numpy(), scores[0].numpy()


@torch.no_grad()
def main(folder: Path) -> None:
    """Export, then answer."""
    torch.manual_seed(0)
    model = checkpoint.build(*SMALL)
    for parameter in model.parameters():
        # Some begin as zeros, which would hide whether they are exported.
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    torch.save(model.state_dict(), folder / "small.pth")
    checkpoint.ENCODERS["vit_b"] = SMALL
    source = ["--checkpoint", str(folder / "small.pth"), "--model-type", "vit_b"]
    status = command.main([*source, "--out", str(folder / "repository"), "--target", "gpu"])
    if status:
        sys.exit(status)
    asked = dict(np.load(folder / "asked.npz"))
    embeddings = encoded(model, asked["pixels"], asked["sizes"]).numpy()
    answers = {"embeddings": embeddings}
    for at in range(int(asked["prompts"])):
        half = embeddings[0].astype(np.float16)
        answers[f"logits{at}"], answers[f"scores{at}"] = decoded(model, half, asked, at)
    np.savez(folder / "answers.npz", **answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
