"""segment-anything's own decoder modules in torch on given weights: what they answer, and how long they take.

Runs in an environment of its own that has torch and segment-anything; sam_click.py starts it. Reads an .npz with the
weights by name and one prompt (embedding, xy, labels); the last line is a JSON object with the median in milliseconds
and the answer is written beside the input.

    python benchmarks/sam_torch_decoder.py INPUT.npz OUTPUT.npz THREADS RUNS
"""

import importlib.util
import json
import sys
import time
import types

import numpy as np
import torch


def modeling() -> types.ModuleType:
    """segment_anything.modeling, past the package's __init__, which wants torchvision."""
    spec = importlib.util.find_spec("segment_anything")
    package = types.ModuleType("segment_anything")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["segment_anything"] = package
    return importlib.import_module("segment_anything.modeling")


def decoder(weights: dict[str, np.ndarray]) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The prompt encoder and mask decoder of every published Segment Anything model, with these weights."""
    m = modeling()
    prompts = m.PromptEncoder(
        embed_dim=256, image_embedding_size=(64, 64), input_image_size=(1024, 1024), mask_in_chans=16
    )
    transformer = m.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    masks = m.MaskDecoder(
        num_multimask_outputs=3,
        transformer=transformer,
        transformer_dim=256,
        iou_head_depth=3,
        iou_head_hidden_dim=256,
    )
    for name, module in (("prompt_encoder", prompts), ("mask_decoder", masks)):
        mine = {
            key.removeprefix(f"{name}."): torch.from_numpy(value)
            for key, value in weights.items()
            if key.startswith(f"{name}.")
        }
        module.load_state_dict(mine, strict=True)
        module.eval()
    return prompts, masks


def main(source: str, target: str, threads: int, runs: int) -> None:
    """Answer once, then measure."""
    torch.set_num_threads(threads)
    given = dict(np.load(source))
    prompts, masks = decoder(given)
    embedding, xy, labels = (torch.from_numpy(given[name]) for name in ("embedding", "xy", "labels"))

    def answer() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            sparse, dense = prompts(points=(xy, labels), boxes=None, masks=None)
            return masks.predict_masks(
                image_embeddings=embedding,
                image_pe=prompts.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
            )

    logits, scores = answer()
    np.savez(target, logits=logits.numpy(), scores=scores.numpy())
    times = []
    for _ in range(runs + 5):
        began = time.perf_counter()
        answer()
        times.append((time.perf_counter() - began) * 1e3)
    print(json.dumps({"p50_ms": float(np.median(times[5:]))}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
