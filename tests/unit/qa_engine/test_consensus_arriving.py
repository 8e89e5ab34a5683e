"""Answers as they arrive: who is known to be right counts more, without an estimate of everything."""

import numpy as np
import pytest

from labels.label import Annotation, Choice
from labels.ontology import Category, Tool, ToolKind
from qa_engine.consensus.arriving import MAX_TOGETHER, MIN_VOTES, Known, added, posterior, said
from qa_engine.consensus.methods import Method, aggregate
from qa_engine.consensus.resolution import Answer
from qa_engine.consensus.votes import gather

TOOL = Tool("topic", ToolKind.CHOICE_SINGLE, (Category("a"), Category("b")))


def known(**people):
    """Each is right and wrong that often, in both categories alike."""
    own = {
        who: {("a", "a"): right / 2, ("b", "b"): right / 2, ("a", "b"): wrong / 2, ("b", "a"): wrong / 2}
        for who, (right, wrong) in people.items()
    }
    crowd = {}
    for cells in own.values():
        for cell, amount in cells.items():
            crowd[cell] = crowd.get(cell, 0) + amount
    return Known(own, crowd)


def test_heads_are_counted_until_there_is_something_to_know():
    little = known(ann=(MIN_VOTES - 1, 0))
    assert posterior(TOOL, [("ann", "a")], little, Method.POOLED) is None
    assert posterior(TOOL, [("ann", "a")], known(ann=(MIN_VOTES, 0)), Method.POOLED) is not None
    assert posterior(TOOL, [("ann", "a")], known(ann=(MIN_VOTES, 0)), Method.MAJORITY) is None


def test_who_was_right_outweighs_two_who_guessed():
    facts = known(ann=(95, 5), bob=(50, 50), cem=(50, 50))
    found = posterior(TOOL, [("ann", "a"), ("bob", "b"), ("cem", "b")], facts, Method.POOLED)
    assert found.argmax() == 0
    assert found.sum() == pytest.approx(1)


def test_where_two_differ_what_is_common_so_far_is_likelier():
    common = {("a", "a"): 90.0, ("b", "b"): 6.0, ("a", "b"): 4.0}
    facts = Known({"ann": common, "bob": common}, {cell: 2 * n for cell, n in common.items()})
    found = posterior(TOOL, [("ann", "a"), ("bob", "b")], facts, Method.ONE_COIN)
    # 188 votes on a, 12 on b, 0 on none, and three items of two votes each besides.
    assert found.tolist() == pytest.approx([194 / 212, 18 / 212, 0], abs=0.01)


def test_a_stranger_is_judged_like_the_crowd():
    good, poor = known(x=(900, 100), y=(900, 100)), known(x=(600, 400), y=(600, 400))
    votes = [("new", "a")]
    assert posterior(TOOL, votes, good, Method.SHRUNKEN)[0] > posterior(TOOL, votes, poor, Method.SHRUNKEN)[0]


def test_hundreds_of_categories_cost_what_is_given():
    tool = Tool("many", ToolKind.CHOICE_SINGLE, tuple(Category(f"c{n}") for n in range(500)))
    assert len(tool.categories) > MAX_TOGETHER
    facts = Known({"ann": {("c1", "c1"): 90.0, ("c1", "c2"): 10.0}}, {("c1", "c1"): 90.0, ("c1", "c2"): 10.0})
    found = posterior(tool, [("ann", "c1")], facts, Method.ONE_COIN)
    assert found.shape == (501,)
    assert found.argmax() == 1
    assert found.sum() == pytest.approx(1)


def test_a_category_that_the_ontology_lost_is_let_go():
    facts = Known({"ann": {("gone", "a"): 60.0, ("a", "a"): 60.0}}, {("gone", "a"): 60.0, ("a", "a"): 60.0})
    assert posterior(TOOL, [("ann", "a")], facts, Method.SHRUNKEN).argmax() == 0


def test_a_rejection_is_no_vote_and_silence_is_one_for_none():
    claim = Annotation("", "topic", "a", Choice())
    answers = [Answer("ann", "l1", (claim,)), Answer("bob", "l2", ()), Answer("cem", "", ())]
    assert said(answers, TOOL) == [("ann", "a"), ("bob", "")]
    assert posterior(TOOL, [("bob", "")], known(ann=(90, 0)), Method.POOLED) is None


def test_what_is_added_is_the_majority_or_the_shares():
    assert added(TOOL, [("x", "a"), ("y", "a"), ("z", "b")], None) == [
        ("x", "a", {"a": 1.0}), ("y", "a", {"a": 1.0}), ("z", "b", {"a": 1.0})
    ]  # fmt: skip
    assert added(TOOL, [("x", "a"), ("y", "b")], None)[0] == ("x", "a", {"a": 0.5, "b": 0.5})
    assert added(TOOL, [("x", "a")], np.asarray([0.9, 0.1, 0.0])) == [("x", "a", {"a": 0.9, "b": 0.1})]
    assert added(TOOL, [("x", "")], None) == []


def test_arriving_one_by_one_ends_close_to_the_estimate_of_all():
    rng = np.random.default_rng(5)
    truth, skill = rng.integers(0, 2, 300), {"p0": 0.95, "p1": 0.9, "p2": 0.6, "p3": 0.55, "p4": 0.9}
    rows, chosen, own = [], [], {}
    for item, true in enumerate(truth):
        people = rng.choice(list(skill), 3, replace=False)
        votes = [(str(p), "ab"[true if rng.random() < skill[p] else 1 - true]) for p in people]
        rows += [(f"{item:03}", who, category) for who, category in votes]
        crowd = {}
        for cells in own.values():
            for cell, amount in cells.items():
                crowd[cell] = crowd.get(cell, 0) + amount
        likely = posterior(TOOL, votes, Known(own, crowd), Method.POOLED)
        parts = added(TOOL, votes, likely)
        for who, category, truths in parts:
            for name, amount in truths.items():
                cells = own.setdefault(who, {})
                cells[name, category] = cells.get((name, category), 0) + amount
        chosen.append(max(parts[0][2], key=parts[0][2].get) == "ab"[true])
    votes = gather(rows, ("a", "b"))
    whole = np.mean(aggregate(votes, Method.POOLED).chosen == truth)
    heads = np.mean(aggregate(votes, Method.MAJORITY).chosen == truth)
    assert np.mean(chosen) > heads
    assert np.mean(chosen) > whole - 0.03
