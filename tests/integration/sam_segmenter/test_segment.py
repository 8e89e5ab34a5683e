"""Segment over a real server, with the real small model."""

import asyncio
import io
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from PIL import Image

from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.segmenter.v1 import mask_service_pb2
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labels import rle
from labels.label import Mask, Polygon
from labels.shapes import rasterise


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


CENTRE = pb.Click(x_px=320, y_px=214, positive=True)


def point(x: float, y: float, positive: bool = True) -> pb.ObjectPrompt:
    return pb.ObjectPrompt(clicks=[pb.Click(x_px=x, y_px=y, positive=positive)])


def request(
    image: pb.ImageSource | asset_pb2.ContentRef, *objects: pb.ObjectPrompt, **options
) -> pb.SegmentRequest:
    source = pb.ImageSource(content=image) if isinstance(image, asset_pb2.ContentRef) else image
    return pb.SegmentRequest(image=source, objects=objects or [point(320, 214)], **options)


def bitmap(found: pb.SegmentedMask) -> np.ndarray:
    mask = found.shape.mask
    return rle.to_bitmap(Mask(mask.height_px, mask.width_px, mask.counts))


def overlap(one: pb.SegmentedMask, other: pb.SegmentedMask) -> float:
    a, b = bitmap(one), bitmap(other)
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def reason(error: grpc.aio.AioRpcError) -> str:
    details = rpc_status.from_call(error).details[0]
    info = error_details_pb2.ErrorInfo()
    details.Unpack(info)
    return info.reason


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), reason(caught.value)


async def test_one_click_gives_three_masks_best_first(served, photo: bytes) -> None:
    answer = await served.segment(request(await served.put(photo)))
    (found,) = answer.objects
    scores = [mask.predicted_iou for mask in found.masks]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert answer.cache == pb.CACHE_TIER_ENCODED
    for mask in found.masks:
        pixels = bitmap(mask)
        assert pixels.shape == (answer.height_px, answer.width_px)
        assert np.count_nonzero(pixels) == mask.area_px
        rows, columns = np.nonzero(pixels)
        box = mask.bounds
        assert (box.x_px, box.y_px) == (columns.min(), rows.min())
        assert (box.width_px, box.height_px) == (
            columns.max() + 1 - columns.min(),
            rows.max() + 1 - rows.min(),
        )
        assert 0 <= mask.stability <= 1
        assert 0 <= mask.difficulty <= 1
    assert bitmap(found.masks[0])[214, 320]


async def test_a_handle_answers_what_the_picture_answers(served, photo: bytes) -> None:
    ref = await served.put(photo)
    warmed = await served.stub.WarmImage(
        pb.WarmImageRequest(image=pb.ImageSource(content=ref)), metadata=served.metadata()
    )
    assert warmed.cache == pb.CACHE_TIER_ENCODED
    by_handle = await served.segment(request(pb.ImageSource(handle=warmed.handle)))
    by_content = await served.segment(request(ref))
    assert by_handle.cache == by_content.cache == pb.CACHE_TIER_MEMORY
    assert by_handle.handle == warmed.handle
    assert by_handle.objects[0].masks[0].shape == by_content.objects[0].masks[0].shape


async def test_a_box_alone_works_and_several_boxes_are_several_objects(served, photo: bytes) -> None:
    boxes = [
        label_pb2.Box(x_px=100, y_px=50, width_px=300, height_px=300),
        label_pb2.Box(x_px=0, y_px=0, width_px=80, height_px=80),
    ]
    answer = await served.segment(
        request(await served.put(photo), *(pb.ObjectPrompt(box=box) for box in boxes), best_only=True)
    )
    assert [len(found.masks) for found in answer.objects] == [1, 1]
    for box, found in zip(boxes, answer.objects, strict=True):
        inside = bitmap(found.masks[0])[
            int(box.y_px) : int(box.y_px + box.height_px), int(box.x_px) : int(box.x_px + box.width_px)
        ]
        assert inside.sum() > 0.8 * found.masks[0].area_px


async def test_a_negative_click_takes_away(served, photo: bytes) -> None:
    ref = await served.put(photo)
    first = (await served.segment(request(ref))).objects[0].masks[0]
    rows, columns = np.nonzero(bitmap(first))
    place = len(rows) // 7
    taken = pb.Click(x_px=columns[place] + 0.5, y_px=rows[place] + 0.5, positive=False)
    second = await served.segment(
        request(ref, pb.ObjectPrompt(clicks=[CENTRE, taken], logits=first.logits), best_only=True)
    )
    assert not second.objects[0].logits_lost
    assert not bitmap(second.objects[0].masks[0])[rows[place], columns[place]]


async def test_logits_carry_an_answer_on(served, photo: bytes) -> None:
    ref = await served.put(photo)
    first = await served.segment(request(ref))
    part = first.objects[0].masks[2]
    again = await served.segment(
        request(ref, pb.ObjectPrompt(clicks=[CENTRE], logits=part.logits), best_only=True)
    )
    best = first.objects[0].masks[0]
    assert overlap(part, again.objects[0].masks[0]) > overlap(part, best) + 0.1


async def test_a_drawn_mask_is_refined(served, photo: bytes) -> None:
    ref = await served.put(photo)
    best = (await served.segment(request(ref))).objects[0].masks[0]
    again = await served.segment(request(ref, pb.ObjectPrompt(mask=best.shape.mask), best_only=True))
    assert overlap(best, again.objects[0].masks[0]) > 0.6


async def test_polygons_and_pngs_are_the_same_mask(served, photo: bytes) -> None:
    ref = await served.put(photo)
    forms = {}
    for form in (
        mask_service_pb2.SHAPE_FORM_MASK,
        mask_service_pb2.SHAPE_FORM_POLYGON,
        mask_service_pb2.SHAPE_FORM_PNG,
    ):
        forms[form] = (await served.segment(request(ref, best_only=True, form=form))).objects[0].masks[0]
    exact = bitmap(forms[mask_service_pb2.SHAPE_FORM_MASK])
    polygon = forms[mask_service_pb2.SHAPE_FORM_POLYGON].shape.polygon
    rings = Polygon(tuple(tuple(ring.xy_px) for ring in polygon.rings))
    assert (rasterise(rings, *exact.shape) == exact).all()
    with Image.open(io.BytesIO(forms[mask_service_pb2.SHAPE_FORM_PNG].shape.png)) as image:
        assert (np.asarray(image) == exact).all()


async def test_a_simplified_polygon_says_what_it_lost(served, photo: bytes) -> None:
    ref = await served.put(photo)
    loose = pb.PostProcess(max_iou_loss=0.05, min_island_px=50, max_hole_px=50)
    answer = await served.segment(
        request(ref, best_only=True, form=mask_service_pb2.SHAPE_FORM_POLYGON, post_process=loose)
    )
    found = answer.objects[0].masks[0]
    assert 0 < found.iou_loss <= 0.05
    assert sum(len(ring.xy_px) for ring in found.shape.polygon.rings) < 400


async def test_masks_are_generated_all_over_and_streamed(served, photo: bytes) -> None:
    ref = await served.put(photo)
    wanted = pb.GenerateMasksRequest(image=pb.ImageSource(content=ref), points_per_side=6, min_area_px=50)
    answers = [answer async for answer in served.stub.GenerateMasks(wanted, metadata=served.metadata())]
    masks = [mask for answer in answers for mask in answer.masks]
    assert answers[-1].points_done == answers[-1].points_total == 36
    assert len(masks) >= 3
    assert all(mask.predicted_iou >= 0.8 and mask.area_px >= 50 for mask in masks)


async def test_a_picture_is_uploaded_in_pieces(served, photo: bytes) -> None:
    async def pieces():
        for start in range(0, len(photo), 10_000):
            yield pb.UploadImageRequest(chunk=photo[start : start + 10_000])

    stored = await served.stub.UploadImage(pieces(), metadata=served.metadata())
    assert stored.content.size_bytes == len(photo)
    assert (await served.segment(request(stored.content))).width_px > 0


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (pb.ObjectPrompt(), "PROMPT_EMPTY"),
        (point(-1, 5), "CLICK_OUTSIDE"),
        (point(float("nan"), 5), "CLICK_OUTSIDE"),
        (point(5, 100_000), "CLICK_OUTSIDE"),
        (pb.ObjectPrompt(clicks=[CENTRE] * 10_000), "TOO_MANY_CLICKS"),
        (pb.ObjectPrompt(box=label_pb2.Box(x_px=5, y_px=5)), "BOX_INVALID"),
        (
            pb.ObjectPrompt(box=label_pb2.Box(x_px=float("nan"), y_px=5, width_px=5, height_px=5)),
            "BOX_INVALID",
        ),
        (pb.ObjectPrompt(mask=label_pb2.Mask(height_px=2, width_px=2, counts=b"04")), "MASK_SIZE_INVALID"),
    ],
)
async def test_prompts_that_make_no_sense_are_refused_by_name(
    served, photo: bytes, prompt, expected: str
) -> None:
    call = served.segment(request(await served.put(photo), prompt))
    assert await refused(call) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        (pb.ImageSource(), grpc.StatusCode.INVALID_ARGUMENT, "SOURCE_MISSING"),
        (pb.ImageSource(handle="image-x"), grpc.StatusCode.INVALID_ARGUMENT, "HANDLE_INVALID"),
        (pb.ImageSource(handle=f"image-{'0' * 64}-5"), grpc.StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND"),
    ],
)
async def test_pictures_that_are_not_there(served, source, code, expected: str) -> None:
    assert await refused(served.segment(request(source))) == (code, expected)


async def test_objects_are_counted_before_anything_is_encoded(served, photo: bytes) -> None:
    ref = await served.put(photo)
    empty = pb.SegmentRequest(image=pb.ImageSource(content=ref))
    assert (await refused(served.segment(empty)))[1] == "TOO_MANY_OBJECTS"
    assert (await refused(served.segment(request(ref, *[point(5, 5)] * 65))))[1] == "TOO_MANY_OBJECTS"
    assert (await served.segment(request(ref))).cache == pb.CACHE_TIER_ENCODED


async def test_what_is_no_picture_says_so_and_leaves_the_service_well(served, photo: bytes) -> None:
    for data, expected in (
        (b"not a picture", "PICTURE_UNREADABLE"),
        (photo[: len(photo) // 2], "PICTURE_TRUNCATED"),
    ):
        assert (await refused(served.segment(request(await served.put(data)))))[1] == expected
    assert (await served.segment(request(await served.put(photo)))).objects


async def test_an_altered_file_in_the_store_is_data_loss(served, photo: bytes, tmp_path: Path) -> None:
    ref = await served.put(photo)
    (stored,) = (tmp_path / "blobs").rglob(ref.sha256)
    stored.write_bytes(photo[:-1] + b"x")
    assert await refused(served.segment(request(ref))) == (grpc.StatusCode.DATA_LOSS, "BLOB_CORRUPT")


async def test_another_tenant_finds_neither_picture_nor_logits(served, photo: bytes) -> None:
    ref = await served.put(photo)
    mine = await served.segment(request(ref))
    for image in (pb.ImageSource(content=ref), pb.ImageSource(handle=mine.handle)):
        assert await refused(served.segment(request(image), "beta")) == (
            grpc.StatusCode.NOT_FOUND,
            "IMAGE_NOT_FOUND",
        )
    theirs = await served.put(photo, "beta")
    stolen = request(theirs, pb.ObjectPrompt(clicks=[CENTRE], logits=mine.objects[0].masks[0].logits))
    assert await refused(served.segment(stolen, "beta")) == (grpc.StatusCode.NOT_FOUND, "LOGITS_NOT_FOUND")
    # Their own copy is encoded anew: nothing tells that somebody else has it.
    assert (await served.segment(request(theirs), "beta")).cache == pb.CACHE_TIER_ENCODED


async def test_logits_of_another_picture_are_refused(served, photo: bytes) -> None:
    handle = (await served.segment(request(await served.put(photo)))).objects[0].masks[0].logits
    with Image.open(io.BytesIO(photo)) as image:
        file = io.BytesIO()
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file, "PNG")
    other = await served.put(file.getvalue())
    call = served.segment(request(other, pb.ObjectPrompt(clicks=[CENTRE], logits=handle)))
    assert (await refused(call))[1] == "LOGITS_FOREIGN"


async def test_two_users_at_once_never_mix_their_pictures(served, coco: Path) -> None:
    """Many clicks in flight on eight pictures through a cache that holds three: each answer is its picture's own."""
    refs = [await served.put(path.read_bytes()) for path in sorted(coco.glob("*.jpg"))[:4]]
    asks = [request(ref, point(x, 120), best_only=True) for ref in refs for x in (60, 200, 310)]
    alone = [(await served.segment(ask)).objects[0].masks[0].shape for ask in asks]
    assert len({shape.SerializeToString() for shape in alone}) > len(asks) // 2
    order = np.random.default_rng(0).integers(0, len(asks), 96)
    answers = await asyncio.gather(*(served.segment(asks[number]) for number in order))
    for number, answer in zip(order, answers, strict=True):
        assert answer.objects[0].masks[0].shape == alone[number]


async def test_a_small_object_in_a_large_picture_is_looked_at_closely(served, coco: Path) -> None:
    """A photograph shrunk into the corner of a picture eight times its size: its middle is lost without zoom."""
    with Image.open(sorted(coco.glob("*.jpg"))[0]) as image:
        small = np.asarray(image.convert("RGB").resize((160, 107)))
    large = np.full((1000, 1500, 3), 90, np.uint8)
    large[200:307, 300:460] = small
    ref = await served.put(png(large))
    prompt = pb.ObjectPrompt(box=label_pb2.Box(x_px=350, y_px=230, width_px=50, height_px=45))
    plain = await served.segment(request(ref, prompt, best_only=True))
    close = await served.segment(request(ref, prompt, best_only=True, zoom=True))
    assert close.cache == pb.CACHE_TIER_ENCODED
    assert close.objects[0].masks[0].shape != plain.objects[0].masks[0].shape
    assert bitmap(close.objects[0].masks[0]).shape == (1000, 1500)
    # The logits of a crop are for the crop: a second click goes on there.
    again = pb.ObjectPrompt(
        clicks=[pb.Click(x_px=375, y_px=250, positive=True)], logits=close.objects[0].masks[0].logits
    )
    refined = await served.segment(request(ref, again, best_only=True))
    assert refined.cache == pb.CACHE_TIER_MEMORY
    found = bitmap(refined.objects[0].masks[0])
    assert found[250, 375]
    # The crop is of a few times the object's size: nothing is found far away.
    assert not found[:, 700:].any()
    assert not found[600:].any()
