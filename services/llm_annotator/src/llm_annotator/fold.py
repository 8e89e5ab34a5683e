"""Folding with a way back: compares texts without case, white space and Unicode form, and returns to the
original.

Code points are folded in clusters (a base character with its combining marks), so that composed and
decomposed forms of a character meet; each folded character remembers the range of original code points it
came from.
"""

import unicodedata
from dataclasses import dataclass

_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u0060\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)


@dataclass(frozen=True, slots=True)
class Folded:
    """`text[i]` came from the original code points `starts[i]` to `ends[i]`, half-open."""

    text: str
    starts: list[int]
    ends: list[int]

    def find(self, needle: str) -> list[tuple[int, int]]:
        """Original ranges where the folded needle stands, without overlaps, whole clusters only."""
        found: list[tuple[int, int]] = []
        at = self.text.find(needle) if needle else -1
        while at >= 0:
            last = at + len(needle) - 1
            if self._cuts(at) or self._cuts(last + 1):
                at = self.text.find(needle, at + 1)
                continue
            found.append((self.starts[at], self.ends[last]))
            at = self.text.find(needle, last + 1)
        return found

    def _cuts(self, at: int) -> bool:
        """Whether a border before `at` would cut a cluster in two."""
        return 0 < at < len(self.text) and self.starts[at] == self.starts[at - 1]


def fold(text: str) -> Folded:
    """The text without case, with single spaces, plain quotes and hyphens, compatibility forms undone."""
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        piece = _fold_cluster(text[start:end])
        if piece == " " and (not chars or chars[-1] == " "):
            if chars:
                ends[-1] = end
            continue
        chars.extend(piece)
        starts.extend([start] * len(piece))
        ends.extend([end] * len(piece))
    return Folded("".join(chars), starts, ends)


def fold_needle(text: str) -> str:
    """A string to look for in a folded text."""
    return fold(text).text.strip()


def _clusters(text: str) -> list[tuple[int, int]]:
    borders = [i for i, c in enumerate(text) if i == 0 or c < "\u0300" or unicodedata.category(c)[0] != "M"]
    return list(zip(borders, [*borders[1:], len(text)], strict=False))


def _fold_cluster(cluster: str) -> str:
    if cluster.isascii():
        return " " if cluster.isspace() else cluster.lower()
    # Before, because compatibility forms of quotes are spaces with accents; after, because some letters hold quotes.
    plain = unicodedata.normalize("NFKD", cluster.translate(_SAME)).translate(_SAME)
    plain = unicodedata.normalize("NFKD", plain.casefold())
    kept = "".join(" " if c.isspace() else c for c in plain if unicodedata.category(c) != "Cf")
    return " " if kept.isspace() and kept else kept
