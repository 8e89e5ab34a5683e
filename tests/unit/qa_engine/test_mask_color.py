"""mask_color: what it lets pass and what it flags."""

import numpy as np
import pytest

from labels import rle, shapes
from labels.asset import Asset
from labels.label import Annotation, Box, Mask, Polygon, Severity
from qa_engine.engine import discover
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.picture import Picture
from qa_engine.rule import Ruleset, Settings
from tests.unit.qa_engine.shapes import PICTURE, claim, frame, outline, rectangle

# The left half red, the right half blue, and one green pixel on the right.
PIXELS = np.zeros((100, 200, 3), dtype=np.uint8)
PIXELS[:, :100] = (200, 0, 0)
PIXELS[:, 100:] = (0, 0, 200)
PIXELS[50, 150] = (0, 255, 0)
SEEN = Picture(PIXELS)
RED = {"ranges": ("roof: 190 210 0 5 0 5",)}
LEFT = np.zeros((100, 200), dtype=bool)
LEFT[10:30, 40:60] = True


def drawn(bitmap: np.ndarray) -> Annotation:
    return claim(rle.encode(bitmap), tool="area")


NOOP = {
    "a red mask": drawn(LEFT),
    "a red polygon": outline(rectangle(20, 20, 40, 10)),
    "a red box": frame(20, 20, 40, 10),
    "a box that reaches beyond the picture": frame(99, 500, -50, -50),
    "blue of another category": frame(20, 20, 140, 10, category="wall"),
}


@pytest.mark.parametrize("annotation", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotation: Annotation) -> None:
    assert ask("mask_color", annotation, asset=PICTURE, picture=SEEN, parameters=RED) == []


FLAGGED = {
    "a blue box": (
        frame(20, 20, 140, 10),
        ["The shape's red is 0, not 190 to 210.", "The shape's blue is 200, not 0 to 5."],
    ),
    "half and half": (
        drawn(LEFT | np.roll(LEFT, 100, axis=1)),
        ["The shape's red is 100, not 190 to 210.", "The shape's blue is 100, not 0 to 5."],
    ),
    "a hole over the red": (
        outline(rectangle(200, 100), rectangle(100, 100)),
        ["The shape's red is 0, not 190 to 210.", "The shape's blue is 199.98, not 0 to 5."],
    ),
    "outside of the picture": (frame(5, 5, 500), ["The shape covers no pixel of the picture."]),
    "no pixel's centre": (outline(rectangle(0.2, 0.2)), ["The shape covers no pixel of the picture."]),
    "an empty mask": (drawn(LEFT & False), ["The shape covers no pixel of the picture."]),
    "a mask of another size": (
        drawn(LEFT[:50]),
        ["The shape does not fit the picture, so that its colour is not known."],
    ),
    "not a number": (
        frame(float("nan"), 5),
        ["The shape does not fit the picture, so that its colour is not known."],
    ),
    "a mask of rubbish": (
        claim(Mask(100, 200, b"11"), tool="area"),
        ["The shape does not fit the picture, so that its colour is not known."],
    ),
}


@pytest.mark.parametrize(("annotation", "sentences"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotation: Annotation, sentences: list[str]) -> None:
    found = ask("mask_color", annotation, asset=PICTURE, picture=SEEN, parameters=RED)
    assert [(finding.severity, finding.annotation_id) for finding in found] == [
        (Severity.WARNING, "a0")
    ] * len(found)
    assert [finding.message for finding in found] == sentences


def test_a_picture_that_cannot_be_read_is_said(ask) -> None:
    (finding,) = ask("mask_color", drawn(LEFT), asset=PICTURE, parameters=RED)
    assert finding.message == "The picture could not be read to look at the shape's colour."


def test_percentiles_do_not_mind_a_few_pixels(ask) -> None:
    shape = frame(20, 20, 140, 40)
    blue = {"ranges": ("*: 0 0 0 0 200 200",)}
    assert len(ask("mask_color", shape, asset=PICTURE, picture=SEEN, parameters=blue)) == 2
    median = {**blue, "statistic": ("percentile",)}
    assert ask("mask_color", shape, asset=PICTURE, picture=SEEN, parameters=median) == []
    highest = {**median, "percentile": 100.0}
    (finding,) = ask("mask_color", shape, asset=PICTURE, picture=SEEN, parameters=highest)
    assert finding.message == "The shape's green is 255, not 0 to 0."


def test_hues_may_go_through_0(ask) -> None:
    reds = {"space": ("HSV",), "ranges": ("*: 350 10 0.5 1 0.5 1",)}
    assert ask("mask_color", frame(20, 20), asset=PICTURE, picture=SEEN, parameters=reds) == []
    (finding,) = ask("mask_color", frame(20, 20, 110), asset=PICTURE, picture=SEEN, parameters=reds)
    assert finding.message == "The shape's hue is 240, not 350 to 10."


@pytest.mark.parametrize(
    ("space", "prototype"), [("RGB", "190 10 0"), ("LAB", "42 67 56"), ("HSV", "2 0.95 0.8")]
)
def test_prototypes_are_near_or_far(ask, space: str, prototype: str) -> None:
    most = {"RGB": 20.0, "LAB": 10.0, "HSV": 0.2}[space]
    near = {"space": (space,), "prototypes": (f"roof: {prototype}",), "max_distance": most}
    assert ask("mask_color", frame(20, 20), asset=PICTURE, picture=SEEN, parameters=near) == []
    (finding,) = ask("mask_color", frame(20, 20, 110), asset=PICTURE, picture=SEEN, parameters=near)
    assert "from its category's, more than" in finding.message


def test_a_polygon_is_looked_at_where_its_mask_is(ask) -> None:
    random = np.random.default_rng(3)
    picture = Picture(random.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    asset = Asset("k", image_ref=PICTURE.image_ref, width_px=80, height_px=60)
    for _ in range(20):
        polygon = Polygon(
            (tuple(random.uniform(-10, 90, 14).tolist()), tuple(random.uniform(10, 50, 8).tolist()))
        )
        colour = picture.pixels[shapes.rasterise(polygon, 60, 80)].mean(axis=0)
        just = {"ranges": ("*: " + " ".join(f"{c - 1e-6:.9f} {c + 1e-6:.9f}" for c in colour),)}
        assert ask("mask_color", outline(*polygon.rings), asset=asset, picture=picture, parameters=just) == []


def test_edges_that_cross_too_many_rows_are_not_followed(ask) -> None:
    tall = Picture(np.zeros((60_000, 2, 3), dtype=np.uint8))
    saw = tuple(float(n % 4 // 2 * 60_000 if n % 2 else n % 3) for n in range(4_000))
    (finding,) = ask("mask_color", outline(saw), picture=tall, asset=PICTURE, parameters=RED)
    assert "does not fit" in finding.message


WRONG = {
    "space": ["CMYK", "rgb"],
    "statistic": ["median"],
    "ranges": [
        "roof: 1 2 3",
        "roof 1 2 3 4 5 6",
        ": 1 2 3 4 5 6",
        "roof: 1 2 3 4 5 x",
        "roof: 1 2 3 4 5 nan",
    ],
    "prototypes": ["roof: 1 2", "roof: 1 2 inf"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_parameters_that_say_nothing_are_refused(name: str, text: str) -> None:
    rule = next(rule for rule in discover() if rule.id == "mask_color")
    with pytest.raises(RuleSettingsInvalid, match=f'Text 1 of the parameter "{name}" must be'):
        rule.change(rule.settings(Ruleset()), Settings(True, Severity.INFO, {name: (text,)}))


def test_boxes_take_the_pixels_whose_centres_they_hold(ask) -> None:
    just = {"ranges": ("*: 200 200 0 0 0 0",)}
    box = claim(Box(0.0, 0.0, 100.5, 1.0))
    assert ask("mask_color", box, asset=PICTURE, picture=SEEN, parameters=just) == []
    wider = claim(Box(0.0, 0.0, 100.6, 1.0))
    assert len(ask("mask_color", wider, asset=PICTURE, picture=SEEN, parameters=just)) == 2
