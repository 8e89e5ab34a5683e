"""`labelmesh project`: creating and looking at projects."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, print_json, table, when
from labelmesh.cli.errors import UserError
from labelmesh.cli.ontology_file import Quick, quick_ontology, read_ontology
from labelmesh.client import Client, PreAnnotation, PriorityWeights, Project, TaskCounts
from labels.ontology import Ontology

app = typer.Typer(no_args_is_help=True, help="Create, list and show projects.", rich_markup_mode="rich")

_TIMES = {
    "on-demand": PreAnnotation.ON_DEMAND,
    "automatic": PreAnnotation.AUTOMATIC,
    "none": PreAnnotation.NONE,
}


def _pre_annotation(value: str) -> str:
    if value not in _TIMES:
        raise typer.BadParameter("choose on-demand, automatic or none")
    return value


OntologyFile = Annotated[
    Path | None, typer.Option(help="JSON file with tools and categories.", show_default=False)
]
Instruction = Annotated[
    str, typer.Option(help="What to do, for the model and for people; @FILE reads it from a file.")
]
WhenToLabel = Annotated[
    str,
    typer.Option(
        help="When the model labels: on-demand (`labelmesh annotate`), automatic (on import) or none.",
        callback=_pre_annotation,
    ),
]


Priority = Annotated[
    str,
    typer.Option(
        help="Weights of the queue's order, 0 to 1,000: uncertainty=1,findings=1,age_per_hour=0.01,disagreement=1,"
        "business=0,novelty=0.",
        show_default=False,
    ),
]


@app.command()
def create(
    project: ProjectId,
    ontology: OntologyFile = None,
    choices: Annotated[str, typer.Option(help="Exactly one of these for each text: a,b,c.")] = "",
    multi: Annotated[str, typer.Option(help="Any number of these for each text: a,b,c.")] = "",
    spans: Annotated[str, typer.Option(help="Names marked in the text: PERSON,PLACE.")] = "",
    polygons: Annotated[str, typer.Option(help="Outlines on each picture: car,person.")] = "",
    masks: Annotated[str, typer.Option(help="Masks on each picture: car,person.")] = "",
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    instruction: Instruction = "",
    pre_annotation: WhenToLabel = "on-demand",
    priority: Priority = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Create a project. Creating the same again changes nothing.

    [bold]Examples[/bold]

      labelmesh project create tickets --choices bug,praise,question
      labelmesh project create news --spans PERSON,PLACE,ORGANISATION --instruction "Mark names."
      labelmesh project create yard --polygons car,person
      labelmesh project create parts --ontology parts.json
      labelmesh project create orders --choices late,broken --priority business=2,novelty=0.5

    An ontology file: {"tools": [{"name": "topic", "kind": "CHOICE_SINGLE",
    "categories": ["bug", "praise"]}]}; kinds are CHOICE_SINGLE, CHOICE_MULTI,
    SPAN, BOX, POLYGON and MASK; a category may be {"name": ..., "description":
    ...}.
    """
    wanted = Project(
        id=project,
        ontology=_ontology(ontology, Quick(choices, multi, spans, polygons, masks)),
        display_name=name,
        instruction=_instruction(instruction),
        pre_annotation=_TIMES[pre_annotation],
        priority_weights=_weights(priority),
    )
    made = call(state_dir, lambda client: client.projects.create(wanted))
    if as_json:
        print_json(made)
        return
    tools = ", ".join(f"{tool.name} ({len(tool.categories)} categories)" for tool in made.ontology.tools)
    out.print(f"Project [bold cyan]{made.id}[/] is there, with {tools}.")
    out.print(f"Next: labelmesh import {made.id} FILE", style="dim")


def _weights(text: str) -> PriorityWeights:
    """Raises UserError unless it reads NAME=NUMBER,...; the server knows the ranges."""
    names = [field.name for field in fields(PriorityWeights)]
    found: dict[str, float] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        name, _, number = part.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise UserError(
                f"--priority has no number for {name or part}; it reads business=2,novelty=0.5."
            ) from None
    if foreign := sorted(found.keys() - set(names)):
        raise UserError(f"--priority knows no {foreign[0]}; there are {', '.join(names)}.")
    return PriorityWeights(**found)


@app.command("list")
def list_(as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """List your projects."""

    async def all_projects(client: Client) -> list[tuple[Project, TaskCounts]]:
        return [(found, await client.queue.count(found.id)) async for found in client.projects.list()]

    found = call(state_dir, all_projects)
    if as_json:
        print_json([{**_plain(project), "tasks": counts} for project, counts in found])
        return
    if not found:
        out.print("There are no projects yet; create one with `labelmesh project create`.")
        return
    numbers = ("assets", "waiting", "open", "leased", "done")
    shown = table("project", "name", "tools", *numbers, right=numbers)
    for project, counts in found:
        tools = ", ".join(tool.name for tool in project.ontology.tools)
        row = (project.asset_count, counts.waiting, counts.open, counts.leased, counts.done)
        shown.add_row(project.id, project.display_name, tools, *(f"{value:,}" for value in row))
    out.print(shown)


@app.command()
def show(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show a project's ontology, settings and queue."""

    async def look(client: Client) -> tuple[Project, TaskCounts]:
        return await client.projects.get(project), await client.queue.count(project)

    found, counts = call(state_dir, look)
    if as_json:
        print_json({**_plain(found), "tasks": counts})
        return
    out.print(f"[bold cyan]{found.id}[/]  {found.display_name}")
    if found.instruction:
        out.print(found.instruction, markup=False)
    out.print(
        f"{found.asset_count:,} assets · queue: {counts.waiting:,} waiting, {counts.open:,} open, "
        f"{counts.leased:,} leased, {counts.done:,} done · pre-annotation {found.pre_annotation.lower()} · "
        f"created {when(found.create_time_us)}",
        style="dim",
    )
    shown = table("tool", "kind", "category", "description")
    for tool in found.ontology.tools:
        for place, category in enumerate(tool.categories):
            shown.add_row(
                tool.name if place == 0 else "",
                tool.kind if place == 0 else "",
                category.name,
                category.description,
            )
        shown.add_section()
    out.print(shown)


def _plain(project: Project) -> dict[str, object]:
    return {name: getattr(project, name) for name in Project.__dataclass_fields__}


def _ontology(path: Path | None, quick: Quick) -> Ontology:
    options = "--choices, --multi, --spans, --polygons, --masks"
    if path is not None and quick.given:
        raise UserError(f"Give either --ontology or categories ({options}), not both.")
    if path is not None:
        return read_ontology(path)
    if not quick.given:
        raise UserError(f"A project needs categories: give {options} or --ontology FILE.")
    return quick_ontology(quick)


def _instruction(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The instruction file {given[1:]} cannot be read as UTF-8 text.") from error
