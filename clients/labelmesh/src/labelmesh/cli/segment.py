"""`labelmesh segment`: clicks and boxes on a picture into masks."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from labelmesh.cli import progress, segment_output
from labelmesh.cli.connect import AsJson, StateDir, open_client
from labelmesh.cli.console import err
from labelmesh.cli.errors import UserError
from labelmesh.cli.segment_prompts import objects_of, parse_box, parse_point
from labelmesh.client import Client, Grid, ObjectPrompt, PostProcess, ShapeForm
from labelmesh.client.segment import Segmentation, SegmentedMask
from labelmesh.pictures import PictureUnusable, open_picture

_POLYGON_LOSS = 0.01

Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="PNG, JPEG, WebP, TIFF, GIF or BMP.")]
Points = Annotated[
    list[str] | None, typer.Option("--point", metavar="X,Y", help="A pixel on the object; repeatable.")
]
NotPoints = Annotated[
    list[str] | None,
    typer.Option("--not-point", metavar="X,Y", help="A pixel that is not on it; repeatable."),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box", metavar="X,Y,W,H", help="A box around it, from its top left corner; several: an object each."
    ),
]
Everything = Annotated[
    bool, typer.Option("--everything", help="Look for masks all over the picture instead.")
]
Target = Annotated[
    Path | None,
    typer.Option("--out", help="Write the picture with the masks drawn on it.", show_default=False),
]
MaskTarget = Annotated[
    Path | None,
    typer.Option(
        "--mask-out",
        help="Write the mask as PNG: white inside, or with several objects each pixel's object number.",
        show_default=False,
    ),
]
Outlines = Annotated[
    bool, typer.Option("--polygon", help=f"Ask for outlines, simplified by at most {_POLYGON_LOSS} of IoU.")
]
Zoom = Annotated[
    bool, typer.Option("--zoom", help="Look at a small object of a large picture in full resolution.")
]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command line asked for, checked."""

    path: Path
    picture: Image.Image
    prompts: tuple[ObjectPrompt, ...]
    form: ShapeForm
    zoom: bool


def segment(
    picture: Picture,
    point: Points = None,
    not_point: NotPoints = None,
    box: Boxes = None,
    everything: Everything = False,
    overlay: Target = None,
    mask_out: MaskTarget = None,
    polygon: Outlines = False,
    zoom: Zoom = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Turn clicks or boxes on a picture into masks. Coordinates are pixels of the picture as it is displayed.

    All points belong to one object. `labelmesh up` must run.

    [bold]Examples[/bold]

      labelmesh segment photo.jpg --point 320,240 --out overlay.png
      labelmesh segment photo.jpg --point 320,240 --not-point 400,260 --mask-out mask.png
      labelmesh segment photo.jpg --box 100,80,200,150 --polygon --json
      labelmesh segment photo.jpg --everything --out overlay.png
    """
    for target in (overlay, mask_out):
        segment_output.check_target(target, picture)
    points = [parse_point(text, True) for text in point or ()]
    points += [parse_point(text, False) for text in not_point or ()]
    boxes = [parse_box(text) for text in box or ()]
    try:
        opened = open_picture(picture)
    except PictureUnusable as error:
        raise UserError(str(error)) from error
    prompts = objects_of(points, boxes, everything, picture.name, opened.size)
    form = ShapeForm.POLYGON if polygon else ShapeForm.MASK
    wanted = _Wanted(picture, opened, prompts, form, zoom)
    found = asyncio.run(_segment(wanted, state_dir))
    segment_output.write(found, overlay, mask_out)
    segment_output.report(found, as_json=as_json)


async def _segment(wanted: _Wanted, state_dir: Path | None) -> segment_output.Found:
    async with open_client(state_dir) as client:
        if not wanted.prompts:
            return await _everything(client, wanted)
        answer = await client.segmenter.segment(
            await client.segmenter.upload(wanted.path),
            wanted.prompts,
            best_only=len(wanted.prompts) > 1,
            post_process=PostProcess(max_iou_loss=_POLYGON_LOSS if wanted.form is ShapeForm.POLYGON else 0.0),
            form=wanted.form,
            zoom=wanted.zoom,
        )
        model = await client.segmenter.model()
        return segment_output.Found(
            wanted.path,
            wanted.picture,
            wanted.prompts,
            tuple(found.masks for found in answer.objects),
            model.name,
            _checked(answer, wanted),
        )


def _checked(answer: Segmentation, wanted: _Wanted) -> Segmentation:
    """The answer, if service and command line agree on how the picture is displayed."""
    if (answer.width_px, answer.height_px) != wanted.picture.size:
        raise UserError(
            f"The service reads {wanted.path.name} as {answer.width_px} x {answer.height_px} pixels and this command "
            f"as {wanted.picture.width} x {wanted.picture.height}; convert it to PNG and try again."
        )
    return answer


async def _everything(client: Client, wanted: _Wanted) -> segment_output.Found:
    masks: list[SegmentedMask] = []
    image = await client.segmenter.upload(wanted.path)
    with progress.items("clicks") as bars:
        bar = bars.add_task("looking everywhere", total=None)
        async for found in client.segmenter.generate(image, Grid(min_area_px=100), form=wanted.form):
            masks += found.masks
            bars.update(bar, completed=found.points_done, total=found.points_total)
    model = await client.segmenter.model()
    if not masks:
        err.print("No mask was found that the model is sure of.")
    masks.sort(key=lambda mask: -mask.area_px)
    return segment_output.Found(
        wanted.path, wanted.picture, (), tuple((mask,) for mask in masks), model.name, None
    )
