"""Spans put where their characters stand: other tools count in other units."""

from labels.label import Span

_SURROGATE = 0xFFFF


def place_span(text: str, start: int, end: int, quoted: str | None) -> tuple[Span | None, bool]:
    """The span of code points that is meant, None where there is none, and whether it had to be moved.

    `start` and `end` are taken as code points; where the quoted characters are not there, as UTF-16 units, which
    browsers count; then the only place in the text with those characters is taken.
    """
    if quoted is None:
        inside = 0 <= start < end <= len(text)
        return (Span(start, end, text[start:end]) if inside else None), False
    if 0 <= start < end and text[start:end] == quoted:
        return Span(start, end, quoted), False
    units = _points(text, start), _points(text, end)
    if units[0] is not None and units[1] is not None and text[units[0] : units[1]] == quoted and quoted:
        return Span(units[0], units[1], quoted), False
    at = text.find(quoted) if quoted else -1
    if at >= 0 and text.find(quoted, at + 1) < 0:
        return Span(at, at + len(quoted), quoted), True
    return None, False


def _points(text: str, units: int) -> int | None:
    """The code point that begins at that UTF-16 unit; None inside of one or behind the end."""
    if units < 0:
        return None
    seen = 0
    for at, sign in enumerate(text):
        if seen >= units:
            return at if seen == units else None
        seen += 2 if ord(sign) > _SURROGATE else 1
    return len(text) if seen == units else None
