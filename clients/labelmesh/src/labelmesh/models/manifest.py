"""The models Labelmesh knows, read from manifest.toml beside this file and checked as a whole."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from labelmesh.models.errors import BadManifest, UnknownModel
from labelmesh.models.vision import Checkpoint, Described, Entry, FileName, Sha256, VisionModel

E = TypeVar("E", bound=Described)


class HubFile(Entry):
    """One file of a model hub's repository at a fixed revision."""

    kind: Literal["hub"]
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[\w.-]+$")
    file: FileName


class Part(Entry):
    """A package that carries one slice of the file as data."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.]*$")
    size_bytes: int = Field(gt=0)
    sha256: Sha256


class Packages(Entry):
    """The file cut into slices, in order, one per package; nothing of a package is run.

    `member` is the regular expression that exactly one name in each package's archive matches.
    """

    kind: Literal["packages"]
    member: str
    parts: tuple[Part, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _member_compiles(self) -> Self:
        try:
            re.compile(self.member)
        except re.error as error:
            raise ValueError(f"member is no regular expression: {error}") from None
        return self


class Model(Described):
    """A language model: what it is, what it needs, and where its one file comes from (tried in order).

    ram_mb is the resident memory of the model server in megabytes (10^6 bytes) with its default settings;
    context_tokens is the longest context the model was trained for.
    """

    file: FileName
    size_bytes: int = Field(gt=0)
    sha256: Sha256
    ram_mb: int = Field(gt=0)
    context_tokens: int = Field(gt=0)
    sources: tuple[Annotated[HubFile | Packages, Field(discriminator="kind")], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _parts_make_the_whole(self) -> Self:
        for source in self.sources:
            if isinstance(source, Packages):
                total = sum(part.size_bytes for part in source.parts)
                if total != self.size_bytes:
                    raise ValueError(f"the parts of {self.name} sum to {total} bytes, not {self.size_bytes}")
        return self


class Manifest(Entry):
    """All models; the defaults are those taken when none is named.

    `models` are language models, `vision` Segment Anything models that can be fetched, `checkpoints` those that are
    given by path.
    """

    default: str
    default_vision: str = ""
    models: tuple[Model, ...] = Field(min_length=1)
    vision: tuple[VisionModel, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [entry.name for entry in self.entries]
        places = [model.file for model in self.models] + [model.name for model in self.vision]
        if len(set(names)) < len(names) or len(set(places)) < len(places):
            raise ValueError("two models share a name or a file name")
        if self.default not in self.names:
            raise ValueError(f"the default model {self.default} is not in the list")
        if self.default_vision and self.default_vision not in (model.name for model in self.vision):
            raise ValueError(f"the default vision model {self.default_vision} is not in the list")
        return self

    @property
    def entries(self) -> tuple[Model | VisionModel | Checkpoint, ...]:
        """All of them, language models first."""
        return (*self.models, *self.vision, *self.checkpoints)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the language models."""
        return tuple(model.name for model in self.models)

    def entry(self, name: str) -> Model | VisionModel | Checkpoint:
        """Whatever has that name; raises UnknownModel, which lists the names there are."""
        found: Model | VisionModel | Checkpoint = _named(name, self.entries)
        return found

    def model(self, name: str) -> Model:
        """The language model of that name; raises UnknownModel, which lists the names there are."""
        return _named(name, self.models)

    def vision_model(self, name: str) -> VisionModel:
        """The vision model of that name that can be fetched; raises UnknownModel, which lists the names there are."""
        return _named(name, self.vision)


def _named(name: str, entries: Sequence[E]) -> E:
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in entries)
    raise UnknownModel(f'There is no model named "{name}"; choose one of: {known}.')


def read(path: Path) -> Manifest:
    """A manifest from a TOML file; raises BadManifest with the first thing that is wrong."""
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BadManifest(
            f"The list of models {path.name} is not valid at {place}: {first['msg']}."
        ) from None
    except (OSError, ValueError) as error:
        raise BadManifest(f"The list of models {path.name} cannot be read: {error}.") from None


@cache
def manifest() -> Manifest:
    """The manifest that comes with this installation."""
    return read(Path(__file__).with_name("manifest.toml"))
