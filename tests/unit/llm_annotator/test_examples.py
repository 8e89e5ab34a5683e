import random
from collections import Counter

from labels.label import Annotation, Choice, Span
from labels.ontology import Category, Ontology, Tool, ToolKind
from llm_annotator.examples import Candidate, Pool, draw_per_class, reply_of

TOPIC = Tool("topic", ToolKind.CHOICE_SINGLE, tuple(Category(c) for c in "abc"))
ONTOLOGY = Ontology((TOPIC,))


def bank(n=30):
    return [
        Candidate(f"L{i:03}", f"A{i}", i % 2 == 0, frozenset({("topic", "abc"[i % 3])})) for i in range(n)
    ]


def uids(drawn):
    return [one.label_uid for one in drawn]


def test_every_class_is_drawn_k_times_in_the_ontologys_order():
    drawn = draw_per_class(bank(), ONTOLOGY, 2, 7, Pool.REVIEWED)
    assert [next(iter(one.classes))[1] for one in drawn] == ["a", "a", "b", "b", "c", "c"]


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_arrival():
    shuffled = bank()
    random.Random(1).shuffle(shuffled)
    assert draw_per_class(shuffled, ONTOLOGY, 3, 7, Pool.REVIEWED) == draw_per_class(
        bank(), ONTOLOGY, 3, 7, Pool.REVIEWED
    )
    draws = {tuple(uids(draw_per_class(bank(), ONTOLOGY, 3, seed, Pool.REVIEWED))) for seed in range(20)}
    assert len(draws) == 20


def test_small_classes_give_what_they_have_and_nothing_twice():
    both = Candidate("L1", "A1", True, frozenset({("topic", "a"), ("topic", "b")}))
    assert uids(draw_per_class([both], ONTOLOGY, 5, 1, Pool.REVIEWED)) == ["L1"]
    assert draw_per_class([], ONTOLOGY, 1, 1, Pool.REVIEWED) == []


def test_the_corrected_pool_holds_only_corrections():
    drawn = draw_per_class(bank(), ONTOLOGY, 16, 7, Pool.CORRECTED)
    assert len(drawn) == 15
    assert all(one.corrected for one in drawn)


def test_every_candidate_is_equally_likely():
    seeds = 4_000
    counts = Counter(
        uid for s in range(seeds) for uid in uids(draw_per_class(bank(), ONTOLOGY, 1, s, Pool.REVIEWED))
    )
    for name in range(3):
        drawn = [counts[one.label_uid] for one in bank()[name::3]]
        expected = seeds / 10
        chi_square = sum((n - expected) ** 2 / expected for n in drawn)
        # 9 degrees of freedom: above 33.7 with probability 0.0001
        assert chi_square < 33.7


def test_replies_of_reviewed_labels():
    spans = Ontology((Tool("names", ToolKind.SPAN, (Category("PER"),)),))
    late = Annotation("n1", "names", "PER", Span(9, 12, "Bob"))
    early = Annotation("a0", "names", "PER", Span(0, 3, "Ann"))
    assert (
        reply_of([late, early], spans)
        == '{"entities": [{"text": "Ann", "category": "PER"}, {"text": "Bob", "category": "PER"}]}'
    )
    assert reply_of([Annotation("a0", "topic", "b", Choice())], ONTOLOGY) == '{"category": "b"}'
    assert reply_of([], ONTOLOGY) is None
    assert reply_of([Annotation("a0", "topic", "gone", Choice())], ONTOLOGY) is None
    multi = Ontology((Tool("topic", ToolKind.CHOICE_MULTI, TOPIC.categories),))
    assert reply_of([], multi) == '{"categories": []}'
    named = [Annotation("a0", "topic", "c", Choice()), Annotation("a1", "topic", "a", Choice())]
    assert reply_of(named, multi) == '{"categories": ["a", "c"]}'
    both = Ontology((TOPIC, spans.tools[0]))
    mixed = [Annotation("a0", "topic", "b", Choice()), early]
    assert reply_of(mixed, both) == (
        '{"topic": {"category": "b"}, "names": {"entities": [{"text": "Ann", "category": "PER"}]}}'
    )
