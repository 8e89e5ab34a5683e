"""STAPLE: the probability of each pixel from several masks, by expectation and maximisation.

Warfield, Zou and Wells, "Simultaneous truth and performance level estimation", IEEE TMI 23(7), 2004. Each annotator
has a sensitivity p and a specificity q; the share of the object is the mean of the masks, as there. Half a pixel added
each way keeps p and q off 0 and 1.
"""

import numpy as np
from numpy.typing import NDArray

from qa_engine.consensus.votes import Floats

MAX_ROUNDS = 50
_TOLERANCE = 1e-4
_TABLE_BITS = 16
"""Masks up to which every pattern of who says yes has a number; with more, they are sorted."""


def staple(masks: NDArray[np.bool_]) -> Floats:
    """Probability in 0 to 1 of each pixel, H x W, from masks N x H x W."""
    flat = masks.reshape(len(masks), -1)
    said, place, times = _patterns(flat)
    prior = float(np.clip(flat.mean(), 1e-6, 1 - 1e-6))
    truth = said.mean(axis=0)
    for _ in range(MAX_ROUNDS):
        inside, outside = times * truth, times * (1 - truth)
        p = ((said @ inside) + 0.5) / (inside.sum() + 1)
        q = (((1 - said) @ outside) + 0.5) / (outside.sum() + 1)
        yes = np.log(prior) + np.log(p) @ said + np.log1p(-np.minimum(p, 1 - 1e-9)) @ (1 - said)
        no = np.log1p(-prior) + np.log(q) @ (1 - said) + np.log1p(-np.minimum(q, 1 - 1e-9)) @ said
        before, truth = truth, 1 / (1 + np.exp(np.clip(no - yes, -700, 700)))
        if np.abs(truth - before).max() < _TOLERANCE:
            break
    found: Floats = truth[place.ravel()].reshape(masks.shape[1:])
    return found


def _patterns(flat: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Pixels on which the same people say the same have one probability: who says yes, annotators x patterns; which
    pattern each pixel has; and how often each comes.
    """
    count = len(flat)
    if count > _TABLE_BITS:
        patterns, place, times = np.unique(flat, axis=1, return_inverse=True, return_counts=True)
        return patterns.astype(np.float64), place, times
    place = np.zeros(flat.shape[1], dtype=np.intp)
    for bit, mask in enumerate(flat):
        place |= mask.astype(np.intp) << bit
    said = (np.arange(1 << count) >> np.arange(count)[:, None]) & 1
    return said.astype(np.float64), place, np.bincount(place, minlength=1 << count)
