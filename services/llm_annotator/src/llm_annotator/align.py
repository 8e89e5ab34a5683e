"""Entity strings -> spans in code points (pure).

`text[start:end] == span.text` holds for every span, and spans of one tool do not overlap. Each distinct
string is looked for as it is; where it does not occur, without case, white space and Unicode form.
Occurrences at word boundaries come first; inside words only where there is no other. Longest strings choose
first. A string given n times takes its first n free occurrences in order; when it occurs more often at word
boundaries and was given with one category only, the others are labelled too. A mention that is left without
an occurrence is unplaced.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from labels.label import Span
from llm_annotator.errors import TooManyAnnotations
from llm_annotator.fold import Folded, fold, fold_needle

Range = tuple[int, int]

# Scripts written without spaces between words: every character there is a word boundary.
_UNSPACED = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Burmese
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3040", "\u30ff"),  # kana
    ("\u3400", "\u9fff"),  # Han
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A span; `mention` is the index of the mention it came from, also for occurrences labelled beside it."""

    mention: int
    category: str
    span: Span


@dataclass(frozen=True, slots=True)
class Alignment:
    """Spans in the order of the text, and the indices of the mentions that have none."""

    placed: tuple[Placed, ...]
    unplaced: tuple[int, ...]


def align(text: str, mentions: Sequence[tuple[str, str]], limit: int) -> Alignment:
    """Place (string, category) mentions in the text; raises TooManyAnnotations above `limit` spans."""
    groups: dict[str, list[int]] = {}
    for index, (string, _) in enumerate(mentions):
        groups.setdefault(fold_needle(string), []).append(index)
    finder = _Finder(text)
    free = _Free(len(text))
    placed: list[Placed] = []
    for needle in sorted(groups, key=len, reverse=True):
        for mention, (start, end) in _place(finder, free, mentions, needle, groups[needle]):
            placed.append(Placed(mention, mentions[mention][1], Span(start, end, text[start:end])))
        if len(placed) > limit:
            raise TooManyAnnotations
    found = {one.mention for one in placed}
    placed.sort(key=lambda one: one.span.start)
    return Alignment(tuple(placed), tuple(i for i in range(len(mentions)) if i not in found))


def _place(
    finder: "_Finder", free: "_Free", mentions: Sequence[tuple[str, str]], needle: str, indices: list[int]
) -> list[tuple[int, Range]]:
    """Ranges for the mentions of one string in its spellings.

    Exact first, then folded, then those not given.
    """
    spellings: dict[str, list[int]] = {}
    for index in indices:
        spellings.setdefault(mentions[index][0].strip(), []).append(index)
    placed: list[tuple[int, Range]] = []
    spread: list[tuple[int, Range]] = []
    drifted: list[int] = []
    for spelling, same in spellings.items():
        bounded, inside = finder.exact(spelling)
        drifted += [] if bounded or inside else same
        placed += zip(same, free.take(bounded or inside, len(same)), strict=False)
        spread += [(same[-1], one) for one in bounded]
    if drifted and needle:
        bounded, inside = finder.folded(needle)
        placed += zip(drifted, free.take(bounded or inside, len(drifted)), strict=False)
        spread += [(drifted[-1], one) for one in bounded if len(drifted) == len(indices)]
    if len({mentions[index][1] for index in indices}) == 1:
        placed += [(index, one) for index, one in spread if free.take([one], 1)]
    return placed


class _Free:
    """Which code points no span has taken."""

    def __init__(self, size: int) -> None:
        self._taken = bytearray(size)

    def take(self, ranges: Sequence[Range], most: int) -> list[Range]:
        """The first free ranges, now taken."""
        taken: list[Range] = []
        for start, end in ranges:
            if len(taken) == most:
                break
            if self._taken.find(1, start, end) < 0:
                self._taken[start:end] = b"\x01" * (end - start)
                taken.append((start, end))
        return taken


class _Finder:
    """Finds strings in one text; folds it at most once, and only when a string does not occur as it is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._folded: Folded | None = None

    def exact(self, string: str) -> tuple[list[Range], list[Range]]:
        """Ranges of the string as it is: those at word boundaries, and those inside words."""
        return self._split(_find_all(self._text, string)) if string else ([], [])

    def folded(self, needle: str) -> tuple[list[Range], list[Range]]:
        """Ranges of a folded string: those at word boundaries, and those inside words."""
        if self._folded is None:
            self._folded = fold(self._text)
        return self._split(self._folded.find(needle))

    def _split(self, ranges: list[Range]) -> tuple[list[Range], list[Range]]:
        bounded = [r for r in ranges if not self._joined(r[0]) and not self._joined(r[1])]
        inside = [r for r in ranges if self._joined(r[0]) or self._joined(r[1])]
        return bounded, inside

    def _joined(self, at: int) -> bool:
        """Whether the characters around a border belong to one word."""
        if not 0 < at < len(self._text):
            return False
        before, after = self._text[at - 1], self._text[at]
        if after >= "\u0300" and unicodedata.category(after)[0] == "M":
            return True
        return _wordlike(before) and _wordlike(after)


def _find_all(text: str, string: str) -> list[Range]:
    found = []
    at = text.find(string)
    while at >= 0:
        found.append((at, at + len(string)))
        at = text.find(string, at + len(string))
    return found


def _wordlike(char: str) -> bool:
    if char < "\u0e00":
        return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"
    if any(low <= char <= high for low, high in _UNSPACED):
        return False
    return char.isalnum() or unicodedata.category(char)[0] == "M"
