"""`labelmesh models`: the language models that can run on this machine, and their files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson
from labelmesh.cli.console import err, out, print_json, table
from labelmesh.cli.errors import UserError
from labelmesh.models import (
    Model,
    ModelError,
    default_cache,
    fetch,
    is_ready,
    manifest,
    path_of,
    shown,
    verify,
)

app = typer.Typer(
    no_args_is_help=True, help="List, fetch and check the local language models.", rich_markup_mode="rich"
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
        print_json(
            [{**_facts(model, folder), "default": model.name == known.default} for model in known.models]
        )
        return
    rows = table(
        "name", "file MB", "memory MB", "context", "licence", "here", "use", right=("file MB", "memory MB")
    )
    for model in known.models:
        rows.add_row(
            model.name + (" (default)" if model.name == known.default else ""),
            f"{model.size_bytes / 1e6:,.0f}",
            f"{model.ram_mb:,}",
            f"{model.context_tokens:,}",
            model.licence,
            "yes" if is_ready(model, folder) else "no",
            model.use,
        )
    out.print(rows)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Name of the model; the default model when left out.")] = "",
    as_json: AsJson = False,
    cache: Cache = None,
) -> None:
    """Fetch a model and check it. An interrupted fetch goes on where it ended.

    [bold]Examples[/bold]

      labelmesh models pull

      labelmesh models pull smollm2
    """
    folder = cache or default_cache()
    with _one_sentence():
        model = manifest().model(name or manifest().default)
        with shown(model, err) as watch:
            path = fetch(model, folder, watch)
    if as_json:
        print_json(_facts(model, folder))
    else:
        out.print(f"{model.name} is ready: {path}", markup=False, soft_wrap=True)


@app.command("verify")
def verify_(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models to check; all that are here by default.")
    ] = None,
    as_json: AsJson = False,
    cache: Cache = None,
) -> None:
    """Read the files of models and compare their SHA-256."""
    folder = cache or default_cache()
    with _one_sentence():
        known = manifest()
        if names:
            chosen = [known.model(name) for name in names]
        else:
            chosen = [model for model in known.models if path_of(model, folder).exists()]
        for model in chosen:
            verify(model, folder)
            if not as_json:
                out.print(f"{model.name}: {model.sha256} matches", markup=False, soft_wrap=True)
    if as_json:
        print_json([_facts(model, folder) for model in chosen])
    elif not chosen:
        out.print(f"No model has been fetched into {folder}.", markup=False, soft_wrap=True)


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        raise UserError(str(error)) from error


def _facts(model: Model, folder: Path) -> dict[str, object]:
    facts = model.model_dump(exclude={"sources"})
    return {**facts, "path": str(path_of(model, folder)), "ready": is_ready(model, folder)}
