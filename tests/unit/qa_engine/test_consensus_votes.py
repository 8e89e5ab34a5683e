"""One category from many votes."""

import json
from pathlib import Path

import numpy as np
import pytest

from qa_engine.consensus.methods import DEFAULT, Method, aggregate
from qa_engine.consensus.models import confusion, honest, one_coin, shrunken
from qa_engine.consensus.truth import believe, estimate, expected
from qa_engine.consensus.votes import MAX_CATEGORIES, gather
from qa_engine.errors import VotesInvalid

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
# Ann and Bob are always right, Cem says "no" to all.
ROWS = [
    (item, who, truth if who != "cem" else "no")
    for item, truth in (("1", "yes"), ("2", "yes"), ("3", "no"), ("4", "yes"), ("5", "no"))
    for who in ("ann", "bob", "cem")
]


def chosen(rows, method, categories=()):
    votes = gather(rows, categories)
    outcome = aggregate(votes, method)
    return {item: votes.categories[c] for item, c in zip(votes.items, outcome.chosen, strict=True)}


def test_the_later_of_two_votes_by_one_person_stands():
    votes = gather([("1", "ann", "yes"), ("1", "ann", "no")])
    assert votes.counts().tolist() == [[1.0]]
    assert votes.categories == ("no",)


@pytest.mark.parametrize("method", Method)
def test_two_who_agree_outvote_one_who_always_says_the_same(method):
    assert chosen(ROWS, method) == {"1": "yes", "2": "yes", "3": "no", "4": "yes", "5": "no"}


@pytest.mark.parametrize("method", Method)
def test_a_tie_goes_to_the_category_named_first_and_is_told(method):
    rows = [("1", "ann", "yes"), ("1", "bob", "no")]
    for order in (("yes", "no"), ("no", "yes")):
        votes = gather(rows, order)
        outcome = aggregate(votes, method)
        assert votes.categories[outcome.chosen[0]] == order[0]
        assert outcome.tied[0]


@pytest.mark.parametrize("method", Method)
def test_the_order_of_the_rows_changes_nothing(method):
    there, back = aggregate(gather(ROWS), method), aggregate(gather(ROWS[::-1]), method)
    assert there.posterior.tolist() == back.posterior.tolist()


@pytest.mark.parametrize("method", Method)
def test_no_votes_make_no_items(method):
    outcome = aggregate(gather([], ("a", "b")), method)
    assert outcome.posterior.shape == (0, 2)
    assert outcome.chosen.shape == (0,)


@pytest.mark.parametrize("method", Method)
def test_one_category_alone_is_certain(method):
    assert aggregate(gather([("1", "ann", "x")]), method).posterior.tolist() == [[1.0]]


def test_majority_shares_are_those_of_the_heads():
    votes = gather([("1", "a", "x"), ("1", "b", "x"), ("1", "c", "y")])
    assert aggregate(votes, Method.MAJORITY).posterior.tolist() == [[2 / 3, 1 / 3]]


@pytest.mark.parametrize("model", [one_coin, confusion, shrunken, honest])
def test_every_row_of_a_model_is_a_distribution_without_zeros(model):
    counts = np.random.default_rng(0).integers(0, 9, (7, 4, 4)).astype(float)
    counts[3] = 0
    rows = model(counts)
    assert np.allclose(rows.sum(axis=2), 1)
    assert (rows > 0).all()


def test_one_coin_by_hand():
    # Right 3 of 4 times: (3 + 1) / (4 + 2); the rest is shared by the two others.
    counts = np.zeros((1, 3, 3))
    counts[0, 0, 0], counts[0, 1, 2] = 3, 1
    assert one_coin(counts)[0, 0].tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_expected_counts_by_hand():
    votes = gather([("1", "ann", "x"), ("1", "bob", "y"), ("2", "ann", "y")])
    counts = expected(votes, np.asarray([[0.75, 0.25], [0.5, 0.5]]))
    assert counts[0].tolist() == [[0.75, 0.5], [0.25, 0.5]]
    assert counts[1].tolist() == [[0.0, 0.75], [0.0, 0.25]]


def test_a_person_who_turns_everything_round_is_still_evidence():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 60)
    rows = [(str(i), f"good{a}", str(t)) for i, t in enumerate(truth) for a in range(2)]
    rows += [(str(i), f"turned{a}", str(1 - t)) for i, t in enumerate(truth) for a in range(1)]
    votes = gather(rows)
    found = estimate(votes, shrunken)
    turned = votes.annotators.index("turned0")
    assert found.matrices[turned, 0, 1] > 0.8
    assert (found.posterior.max(axis=1) > 0.99).all()


def test_where_people_differ_as_often_what_is_common_goes_before():
    people, items = ("ann", "bob", "cem"), [("x", 40), ("y", 4)]
    rows = [(f"{c}{n}", who, c) for c, many in items for n in range(many) for who in people]
    votes = gather([*rows, ("differs", "ann", "x"), ("differs", "bob", "y")])
    here = votes.items.index("differs")
    # p = (40 + p + 3) / (44 + 1 + 6), and a little more, since ann is right then.
    assert 0.86 < estimate(votes, one_coin).posterior[here, 0] < 0.95
    assert estimate(votes, one_coin, 1e9).posterior[here, 0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("model", [one_coin, shrunken])
def test_one_vote_an_item_is_believed_however_common_its_category_is(model):
    # With shares of their own making all 200 items would drift into one category.
    rng = np.random.default_rng(1)
    rows = [(f"{n:03}", f"p{n % 40}", "x" if rng.random() < 0.6 else "y") for n in range(200)]
    votes = gather(rows)
    chosen = estimate(votes, model).posterior.argmax(axis=1)
    assert chosen.tolist() == votes.category_of.tolist()


def test_what_is_rare_in_a_small_batch_stands_when_two_say_so():
    votes = gather((str(n), who, "y" if n == 3 else "x") for n in range(4) for who in ("ann", "bob"))
    for method in Method:
        assert aggregate(votes, method).chosen.tolist() == [0, 0, 0, 1]


def test_too_many_categories_are_refused():
    with pytest.raises(VotesInvalid):
        gather([("1", "ann", str(n)) for n in range(2)], [f"c{n}" for n in range(MAX_CATEGORIES)])


def test_too_large_matrices_are_refused_and_majority_takes_them():
    votes = gather([("1", f"a{n}", "c0") for n in range(21)], [f"c{n}" for n in range(1000)])
    with pytest.raises(VotesInvalid):
        aggregate(votes, Method.POOLED)
    assert aggregate(votes, Method.MAJORITY).chosen.tolist() == [0]


EVEN = np.full(2, 0.5)


def test_belief_by_hand():
    # Nothing is known of two people but the crowd's prior (0 + 1) / (0 + 2): a vote says nothing.
    assert believe(np.zeros((2, 2, 2)), [(0, 1)], shrunken, EVEN).tolist() == pytest.approx([0.5, 0.5])
    counts = np.zeros((2, 2, 2))
    counts[:, 0, 0] = counts[:, 1, 1] = 45
    counts[:, 0, 1] = counts[:, 1, 0] = 5
    assert believe(counts, [(0, 1)], shrunken, EVEN)[1] == pytest.approx(0.9, abs=0.01)
    assert believe(counts, [(0, 1), (1, 1)], shrunken, EVEN)[1] == pytest.approx(0.81 / 0.82, abs=0.01)
    assert believe(counts, [(0, 0), (1, 1)], shrunken, EVEN)[1] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["music", "sentpol", "weather"])
def test_the_default_is_at_least_as_right_as_the_majority_on_real_crowds(name):
    labels, gold = (DATA / f"crowd_{name}.{kind}.jsonl" for kind in ("labels", "gold"))
    assert labels.exists(), "The crowd data is absent from the shared data."
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    right = {r["item"]: r["label"] for r in map(json.loads, gold.read_text().splitlines())}
    given = [(r["item"], r["worker"], r["label"]) for r in rows]

    def accuracy(method):
        found = chosen(given, method)
        return np.mean([found.get(item) == label for item, label in right.items()])

    assert accuracy(DEFAULT) > accuracy(Method.MAJORITY)
