import pytest

from labelmesh.cli.errors import UserError
from labelmesh.cli.segment_prompts import objects_of, parse_box, parse_point
from labelmesh.client import Click, ObjectPrompt
from labels.label import Box

SIZE = (640, 480)
ON, OFF = Click(10, 20), Click(30, 40, False)
BOX, OTHER = Box(1, 2, 30, 40), Box(100, 100, 5, 5)


def objects(points=(), boxes=(), everything=False):
    return objects_of(points, boxes, everything, "cat.png", SIZE)


def test_points_and_boxes_are_read_as_numbers() -> None:
    assert parse_point("320,240", True) == Click(320, 240, True)
    assert parse_point("0.5, 1e2", False) == Click(0.5, 100, False)
    assert parse_box("-5,2,30.5,40") == Box(-5, 2, 30.5, 40)


@pytest.mark.parametrize("text", ["", "1", "1,", "1,2,3", "a,b", "nan,1", "1,inf", "1;2", "1 2"])
def test_a_point_that_is_none_is_quoted(text: str) -> None:
    with pytest.raises(UserError, match="is not a point; write X,Y"):
        parse_point(text, True)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,3,nan", "1,2,3,4,5"])
def test_a_box_that_is_none_is_quoted(text: str) -> None:
    with pytest.raises(UserError, match="is not a box; write X,Y,WIDTH,HEIGHT"):
        parse_box(text)


@pytest.mark.parametrize("text", ["1,2,0,4", "1,2,3,-1"])
def test_a_box_without_an_inside_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="a width and a height"):
        parse_box(text)


def test_points_and_one_box_make_one_object() -> None:
    assert objects([ON, OFF], [BOX]) == (ObjectPrompt((ON, OFF), BOX),)
    assert objects([ON]) == (ObjectPrompt((ON,)),)


def test_several_boxes_make_an_object_each() -> None:
    assert objects(boxes=[BOX, OTHER]) == (ObjectPrompt(box=BOX), ObjectPrompt(box=OTHER))


def test_everything_has_no_objects() -> None:
    assert objects(everything=True) == ()


@pytest.mark.parametrize(
    ("points", "boxes", "everything", "sentence"),
    [
        ([], [], False, "Say what to segment"),
        ([ON], [], True, "leave out points and boxes"),
        ([ON], [BOX, OTHER], False, "not clear which one"),
        ([Click(641, 10)], [], False, r"The point 641,10 lies outside cat\.png, which is 640 x 480 pixels"),
        ([Click(10, -0.5, False)], [], False, "lies outside"),
        ([], [Box(640, 0, 10, 10)], False, r"The box 640,0,10,10 lies outside cat\.png"),
        ([], [Box(0, -20, 10, 20)], False, "lies outside"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(points, boxes, everything, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        objects(points, boxes, everything)


def test_the_picture_s_own_edge_is_inside() -> None:
    assert objects([Click(640, 480), Click(0, 0)])
    assert objects(boxes=[Box(-5, -5, 10, 10)])
