"""Votes: who said which category about what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_engine.errors import VotesInvalid

MAX_VOTES = 1_000_000
MAX_CATEGORIES = 1_000
Indices = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes in columns: the n-th is that of `annotators[annotator_of[n]]` about `items[item_of[n]]`.

    All names are in order; categories in the order given, which is what ties are broken by. Nobody votes twice.
    """

    items: tuple[str, ...]
    annotators: tuple[str, ...]
    categories: tuple[str, ...]
    item_of: Indices
    annotator_of: Indices
    category_of: Indices

    def counts(self, weights: Floats | None = None) -> Floats:
        """Votes for each category, items x categories; each counts `weights[annotator]`, 1 unless said."""
        shape = (len(self.items), len(self.categories))
        each = None if weights is None else weights[self.annotator_of]
        flat = np.bincount(self.item_of * shape[1] + self.category_of, each, shape[0] * shape[1])
        return flat.reshape(shape).astype(np.float64)


def gather(rows: Iterable[tuple[str, str, str]], categories: Sequence[str] = ()) -> Votes:
    """Votes of (item, annotator, category); of two by one annotator about one item the later stands.

    Categories that nobody chose may be named, those that are not named come behind in order. Raises VotesInvalid
    beyond MAX_VOTES votes or MAX_CATEGORIES categories.
    """
    last: dict[tuple[str, str], str] = {}
    for item, annotator, category in rows:
        last[item, annotator] = category
        if len(last) > MAX_VOTES:
            raise VotesInvalid(f"At most {MAX_VOTES:,} votes are counted together.")
    named = tuple(dict.fromkeys(categories))
    said = (*named, *sorted(set(last.values()) - set(named)))
    if len(said) > MAX_CATEGORIES:
        raise VotesInvalid(f"At most {MAX_CATEGORIES:,} categories are compared.")
    items = tuple(sorted({item for item, _ in last}))
    annotators = tuple(sorted({annotator for _, annotator in last}))
    place_i, place_a, place_c = ({name: n for n, name in enumerate(s)} for s in (items, annotators, said))
    # In order of items and annotators, so that the order of the rows changes no sum.
    ordered = sorted((place_i[i], place_a[a], place_c[c]) for (i, a), c in last.items())
    columns = np.asarray(ordered, dtype=np.intp).reshape(-1, 3).T
    return Votes(items, annotators, said, *(np.ascontiguousarray(column) for column in columns))
