"""span_in_text: what it lets pass and what it flags."""

import pytest

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Choice, Severity, Span, UnplacedMention

TEXT = "Zoë 👋🏽 met Ann."


def spot(start: int, end: int, text: str) -> Annotation:
    return Annotation("a0", "entity", "person", Span(start, end, text))


NOOP = {
    "no spans": Annotation("a0", "topic", "sport", Choice()),
    "first word": spot(0, 3, "Zoë"),
    "behind code points of four bytes": spot(11, 14, "Ann"),
    "an emoji with its skin tone": spot(4, 6, "👋🏽"),
    "to the last character": spot(14, 15, "."),
    "the whole text": spot(0, 15, TEXT),
}


@pytest.mark.parametrize("annotation", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotation: Annotation) -> None:
    assert ask("span_in_text", annotation, text=TEXT) == []


FLAGGED = {
    "one behind the end": (spot(14, 16, ".!"), "The span from 14 to 16 is not in the text of 15 characters."),
    "far behind the end": (
        spot(90, 93, "Ann"),
        "The span from 90 to 93 is not in the text of 15 characters.",
    ),
    "before the start": (spot(-1, 3, "Zoë"), "The span from -1 to 3 is not in the text of 15 characters."),
    "empty": (spot(3, 3, ""), "The span from 3 to 3 is not in the text of 15 characters."),
    "backwards": (spot(3, 0, "Zoë"), "The span from 3 to 0 is not in the text of 15 characters."),
    "other characters": (spot(11, 14, "Bob"), "The span's characters are not those of the text."),
    "other case": (spot(11, 14, "ann"), "The span's characters are not those of the text."),
    "decomposed": (spot(0, 3, "Zoe\u0308"), "The span's characters are not those of the text."),
    "counted in bytes": (spot(5, 8, "Ann"), "The span's characters are not those of the text."),
}


@pytest.mark.parametrize(("annotation", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotation: Annotation, sentence: str) -> None:
    (finding,) = ask("span_in_text", annotation, text=TEXT)
    assert (finding.severity, finding.annotation_id) == (Severity.ERROR, "a0")
    assert finding.message == sentence


def test_every_unplaced_mention_is_a_finding(ask) -> None:
    mentions = (UnplacedMention("entity", "person", "Bob"), UnplacedMention("entity", "place", "Oslo"))
    found = ask("span_in_text", spot(11, 14, "Ann"), text=TEXT, mentions=mentions)
    assert [finding.annotation_id for finding in found] == ["", ""]
    assert ['"person"' in found[0].message, '"place"' in found[1].message] == [True, True]
    assert not any(word in finding.message for finding in found for word in ("Bob", "Oslo"))


def test_a_text_that_cannot_be_read_is_said(ask) -> None:
    ref = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1)
    (lost,) = ask("span_in_text", spot(0, 3, "Zoë"), asset=Asset("k", text_ref=ref))
    assert lost.message == "The asset's text could not be read to check the span."
    (picture,) = ask(
        "span_in_text", spot(0, 3, "Zoë"), asset=Asset("k", image_ref=ref, width_px=1, height_px=1)
    )
    assert picture.message == "The asset of the span has no text."
