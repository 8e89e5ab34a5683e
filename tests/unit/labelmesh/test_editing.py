import pytest

from labelmesh.cli.reviewing.editing import Draft, EditRefused, edit, missing_choice
from labels.correction import Add, Delete, Relabel, diff
from labels.label import Annotation, Choice, Span
from labels.ontology import Category, Ontology, Tool, ToolKind

TEXT = "Ada met Ada in Bonn."
TOPIC = Tool("topic", ToolKind.CHOICE_SINGLE, (Category("good news"), Category("bad")))
TAGS = Tool("tags", ToolKind.CHOICE_MULTI, (Category("short"), Category("long")))
NAMES = Tool("names", ToolKind.SPAN, (Category("PERSON"), Category("PLACE")))


def draft(*annotations: Annotation, tools: tuple[Tool, ...] = (TOPIC, TAGS, NAMES)) -> Draft:
    return Draft(Ontology(tools), TEXT, annotations)


def test_a_number_chooses_and_a_second_one_replaces_as_one_relabel() -> None:
    before = draft(Annotation("a0", "topic", "bad", Choice(), 0.4))
    after = edit(before, "1")
    assert [a.category for a in after.annotations] == ["good news"]
    assert diff(before.annotations, after.annotations) == (Relabel("a0", "good news"),)


def test_a_category_can_be_named_in_several_words_and_any_case() -> None:
    assert edit(draft(), "Good News").annotations[0].category == "good news"


def test_of_several_a_second_time_takes_back() -> None:
    once = edit(edit(draft(), "3"), "4")
    assert [a.category for a in once.annotations] == ["short", "long"]
    assert [a.category for a in edit(once, "3").annotations] == ["long"]


def test_text_is_marked_where_it_stands() -> None:
    after = edit(draft(), "6 Bonn")
    assert after.annotations[0].value == Span(15, 19, "Bonn")
    assert isinstance(diff((), after.annotations)[0], Add)


def test_text_that_occurs_twice_needs_its_place() -> None:
    with pytest.raises(EditRefused, match="occurs 2 times: write Ada:1 to Ada:2"):
        edit(draft(), "5 Ada")
    assert edit(draft(), "5 Ada:2").annotations[0].value == Span(8, 11, "Ada")


def test_positions_mark_code_points() -> None:
    assert edit(draft(), "6 15-19").annotations[0].value == Span(15, 19, "Bonn")


def test_spans_are_deleted_and_relabelled_by_number() -> None:
    before = draft(
        Annotation("a0", "names", "PLACE", Span(0, 3, "Ada")),
        Annotation("a1", "names", "PLACE", Span(8, 11, "Ada")),
    )
    after = edit(edit(before, "r 1 PERSON"), "d 2")
    assert diff(before.annotations, after.annotations) == (Relabel("a0", "PERSON"), Delete("a1"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("9", "no category"),
        ("0", "no category"),
        ("5", "marks text"),
        ("1 Ada", "marks no text"),
        ("5 Zoe", "does not contain"),
        ("5 19-15", "does not contain"),
        ("5 0-99", "does not contain"),
        ("d 1", "no annotation 1"),
        ("r 1 2", "no annotation 1"),
        ("what is this", "no category"),
        ("²", "no category"),
    ],
)
def test_a_line_that_makes_no_sense_says_why(line: str, sentence: str) -> None:
    with pytest.raises(EditRefused, match=sentence):
        edit(draft(), line)


def test_relabelling_across_tools_is_refused() -> None:
    with pytest.raises(EditRefused, match='belongs to the tool "topic"'):
        edit(draft(Annotation("a0", "names", "PLACE", Span(0, 3, "Ada"))), "r 1 bad")


def test_a_single_choice_must_be_made() -> None:
    assert missing_choice(draft()) == "topic"
    assert missing_choice(edit(draft(), "2")) == ""
    assert missing_choice(draft(tools=(NAMES,))) == ""
