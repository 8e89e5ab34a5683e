"""Probability mass of decisions inside a reply (pure).

A model that writes JSON decides a few times: which category, and whether a list goes on. At each token of
such a decision the endpoint reports the generated token and up to five alternatives. Each alternative is
sorted by what it would spell: the same side as the answer (`for`), the other side (`against`), either
(`open`: a prefix of both), or nothing that the schema allows (ignored, as a grammar would forbid it).

The score of a decision is the mass for the answer over the mass for and against it. What the endpoint did not
report, u = 1 - sum of reported, and what is open may belong to either side: `lower` counts it against, `upper` for
the answer. Where no alternative was reported for some of the other answers, they are not impossible: each has at most
about the least probability reported at that token, m; half of it is assumed, r = min(u, n m / 2) for n such answers.
Without that, every decision whose rivals fell out of the top five would score exactly 1.
"""

import json
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import cached_property

from labels.ontology import Tool
from llm_annotator.answer import Named
from llm_annotator.tokens import TokenLine

_WHITE = re.compile(rb"\s+")


@dataclass(frozen=True, slots=True)
class Score:
    """A probability with bounds: 0 <= lower <= raw <= upper <= 1."""

    raw: float
    lower: float
    upper: float

    def __mul__(self, other: "Score") -> "Score":
        return Score(self.raw * other.raw, self.lower * other.lower, self.upper * other.upper)

    def scaled(self, factor: float) -> "Score":
        """Raw and bounds times a factor in 0 to 1."""
        return Score(self.raw * factor, self.lower * factor, self.upper * factor)


def certain(value: float) -> Score:
    """A probability that the endpoint reported in full."""
    return Score(value, value, value)


def least(scores: Iterable[Score]) -> Score:
    """The score of the weakest, bound by bound."""
    kept = list(scores)
    return Score(min(s.raw for s in kept), min(s.lower for s in kept), min(s.upper for s in kept))


class Spellings:
    """How a tool's categories may stand in a reply, as bytes up to the closing quote."""

    def __init__(self, tool: Tool) -> None:
        names = tool.category_names
        exact = {name: _forms(name) for name in names}
        folded = {name: {_fold(form) for form in forms} for name, forms in exact.items()}
        every = [form for forms in folded.values() for form in forms]
        #: Case and `_`, `-`, space are one where that keeps the categories apart.
        self.folds = len(set(every)) == len(every)
        self.forms = folded if self.folds else exact

    def fold(self, data: bytes) -> bytes:
        """Bytes of a token as they are compared."""
        return _fold(data) if self.folds else data

    @cached_property
    def names(self) -> frozenset[str]:
        """Every category."""
        return frozenset(self.forms)


def _forms(name: str) -> set[bytes]:
    return {json.dumps(name, ensure_ascii=False)[1:-1].encode(), json.dumps(name)[1:-1].encode()}


def _fold(data: bytes) -> bytes:
    return data.lower().replace(b"_", b" ").replace(b"-", b" ")


@dataclass(frozen=True, slots=True)
class _Walk:
    """The trie of spellings as seen from one place of a reply.

    `head` are bytes of the first token before the value.
    """

    head: bytes
    forms: dict[str, set[bytes]]
    quoted: bool

    def alive(self, path: bytes, among: Set[str]) -> frozenset[str]:
        """The categories that a reply with these bytes may still become or has become."""
        at = 0
        for byte in self.head:
            while path[at : at + 1].isspace():
                at += 1
            if at == len(path):
                return frozenset(among)
            if path[at] != byte:
                return frozenset()
            at += 1
        rest = path[at:].lstrip()
        return frozenset(
            name
            for name in among
            if any(form.startswith(rest) or self._ends(rest, form) for form in self.forms[name])
        )

    def _ends(self, rest: bytes, form: bytes) -> bool:
        """Whether the bytes have spelled the form to its end.

        Without a closing quote, no letter may follow.
        """
        return rest.startswith(form) and (self.quoted or not rest[len(form) : len(form) + 1].isalnum())


def category_mass(
    line: TokenLine, spellings: Spellings, named: Named, wanted: Set[str], candidates: Set[str]
) -> Score:
    """Mass of the `wanted` categories (the named one among them) where the reply names one of the
    `candidates`.

    Let t be a token of the value, g its probability, F, A, O the reported alternatives for, against and open,
    u what is unreported, and S(t+1) the score after the generated token, 1 once only wanted categories
    remain. Then S(t) = (F + g S(t+1)) / (F + g + A), with lower and upper as in this module's docstring:
    lower(t) = (F + g lower(t+1)) / (F + g + A + O + u), upper(t) = (F + g upper(t+1) + O + u) / (F + g + A +
    O + u).
    """
    close = b'"' if named.at.quoted else b""
    begin, end = line.byte(named.at.start), line.byte(named.at.end)
    first = line.at(begin)
    head = _WHITE.sub(b"", spellings.fold(line.data[line.starts[first] : begin]))
    forms = {name: {form + close for form in spellings.forms[name]} for name in candidates}
    forms[named.category] = forms[named.category] | {spellings.fold(line.data[begin:end]).lstrip() + close}
    walk = _Walk(head, forms, named.at.quoted)
    return _descend(line, spellings, walk, first, end + len(close), frozenset(wanted), frozenset(candidates))


def _descend(
    line: TokenLine,
    spellings: Spellings,
    walk: _Walk,
    first: int,
    end: int,
    wanted: frozenset[str],
    alive: frozenset[str],
) -> Score:
    steps: list[_Split] = []
    path = b""
    index = first
    while not alive <= wanted:
        if index >= len(line) or line.starts[index] >= end:
            # Without a closing quote the model stopped where another category goes on.
            tail = Score(1.0, 0.0, 1.0)
            break
        split = _Split(line.probability(index))
        rivals = alive - wanted
        for data, p in line.alternatives(index):
            after = walk.alive(path + spellings.fold(data), alive) if data else frozenset()
            split.add(p, bool(after & wanted), bool(after - wanted))
            rivals -= after
        path += spellings.fold(line.piece(index))
        alive = walk.alive(path, alive)
        split.unseen = len(rivals - alive)
        steps.append(split)
        index += 1
    else:
        tail = certain(1.0)
    for split in reversed(steps):
        tail = split.score(tail)
    return tail


class _Split:
    """Where the mass of one token's alternatives goes."""

    def __init__(self, generated: float) -> None:
        self.generated = generated
        self.supporting = 0.0
        self.against = 0.0
        self.open = 0.0
        self.reported = generated
        self.least = generated
        #: Answers on the other side for which nothing was reported.
        self.unseen = 0

    def add(self, p: float, supporting: bool, against: bool) -> None:
        self.reported += p
        self.least = min(self.least, p)
        if supporting and against:
            self.open += p
        elif supporting:
            self.supporting += p
        elif against:
            self.against += p

    def score(self, after: Score) -> Score:
        """The score here, given the score after the generated token."""
        known = self.supporting + self.generated + self.against
        unreported = max(0.0, 1.0 - self.reported)
        unknown = self.open + unreported
        assumed = min(unreported, self.unseen * self.least / 2)
        if known <= 0.0:
            return Score(0.0, 0.0, 1.0)
        whole = known + unknown
        return Score(
            (self.supporting + self.generated * after.raw) / (known + assumed),
            (self.supporting + self.generated * after.lower) / whole,
            (self.supporting + self.generated * after.upper + unknown) / whole,
        )


def list_mass(line: TokenLine, char: int, *, first: bool) -> Score:
    """Mass of the way a list went at the closing bracket, comma or opening quote that stands at a code point.

    Sides are closing the list and going on with it; `first` says that no item stands before the place.
    """
    byte = line.byte(char)
    index = line.at(byte)
    head = _WHITE.sub(b"", line.data[line.starts[index] : byte])
    closed = line.data[byte : byte + 1] == b"]"
    split = _Split(line.probability(index))
    for data, p in line.alternatives(index):
        side = _side(_WHITE.sub(b"", data), head, first)
        split.add(
            p,
            side in ("either", "close" if closed else "on"),
            side in ("either", "on" if closed else "close"),
        )
    split.unseen = 0 if split.against or split.open else 1
    return split.score(certain(1.0))


def _side(data: bytes, head: bytes, first: bool) -> str:
    if not data:
        return "neither"
    if len(data) <= len(head):
        return "either" if head.startswith(data) else "neither"
    if not data.startswith(head):
        return "neither"
    following = data[len(head) : len(head) + 1]
    if following == b"]":
        return "close"
    return "on" if following == b"," or (first and following in b'"{') else "neither"
