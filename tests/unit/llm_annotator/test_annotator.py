import hashlib
import json
import random
import unicodedata

import pytest

from labels.asset import Asset
from labels.checks import check_label
from labels.label import ConfidenceMethod, LabelKind, SamplingParameters, Span
from labels.ontology import Ontology, ToolKind
from labels.proto import label_from_pb, label_to_pb
from llm_annotator.annotator import Annotator, Completion
from llm_annotator.errors import (
    AnnotatorError,
    LogprobsUnreadable,
    MalformedReply,
    PromptTooLong,
    ReplyCut,
    TooManyAnnotations,
)
from llm_annotator.plan import Plan
from llm_annotator.prompt import Template, compile_output_spec

SINGLE, MULTI, SPAN = ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI, ToolKind.SPAN


class Parrot:
    """A language model that says what it was told to, one byte or more a token."""

    def __init__(self, *replies, cut=(), tokens=None):
        self.replies = list(replies)
        self.cut = cut
        self.tokens = tokens
        self.asked = []

    async def complete(self, messages, plan):
        text = self.replies[min(len(self.asked), len(self.replies) - 1)]
        cut = len(self.asked) in self.cut
        self.asked.append(messages)
        tokens = self.tokens if self.tokens is not None else spelled(text)
        return Completion(text, cut, tokens, "parrot", 10, 2, "parrot-2")


def spelled(text, size=3):
    data = text.encode("utf-8", "surrogatepass")
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return [
        {
            "token": piece.decode("utf-8", "replace"),
            "bytes": list(piece),
            "logprob": -0.1,
            "top_logprobs": [
                {"token": piece.decode("utf-8", "replace"), "bytes": list(piece), "logprob": -0.1},
                {"token": "x", "bytes": [120], "logprob": -3.0},
            ],
        }
        for piece in pieces
    ]


def plan_for(ontology, method=ConfidenceMethod.LABEL_MASS):
    template = Template(1, "Label it.", compile_output_spec(ontology), ontology.revision)
    return Plan(
        ontology, template, [], method=method, seed=1, output_limit=200, project_id="news", run_uid="R1"
    )


async def annotate(model, text, ontology, **kwargs):
    return await Annotator(model, 4_000).pre_annotate(text, {}, plan_for(ontology, **kwargs))


async def test_a_reply_becomes_a_label(ontology):
    model = Parrot('{"category": "sport"}')
    prediction = await annotate(model, "A goal!", ontology(SINGLE, "sport", "art"))
    label = prediction.label
    assert label.kind is LabelKind.PREDICTION
    assert label.author == "parrot"
    assert [(a.id, a.tool, a.category) for a in label.annotations] == [("a0", "topic", "sport")]
    assert label.lineage is not None
    assert label.lineage.run == "projects/news/predictionRuns/R1"
    assert label.lineage.response_sha256 == hashlib.sha256(b'{"category": "sport"}').hexdigest()
    limit = plan_for(ontology(SINGLE, "sport", "art")).max_tokens
    assert label.lineage.sampling == SamplingParameters(0.0, 1, limit, 5)
    assert label.lineage.provider_fingerprint == "parrot-2"
    assert (prediction.prompt_tokens, prediction.completion_tokens) == (10, 2)
    assert len(model.asked) == 1


async def test_one_repair_shows_the_model_its_reply(ontology):
    model = Parrot('{"category": "spoort"}', '{"category": "sport"}')
    prediction = await annotate(model, "A goal!", ontology(SINGLE, "sport", "art"))
    assert prediction.label.annotations[0].category == "sport"
    assert prediction.prompt_tokens == 20
    # The reply that counts, not the first one.
    assert prediction.label.lineage.response_sha256 == hashlib.sha256(b'{"category": "sport"}').hexdigest()
    roles = [(m.role, m.content) for m in model.asked[1][-2:]]
    assert roles[0] == ("assistant", '{"category": "spoort"}')
    assert roles[1][0] == "user"
    assert "spoort" in roles[1][1]


@pytest.mark.parametrize(("cut", "error"), [((), MalformedReply), ((0, 1), ReplyCut), ((0,), MalformedReply)])
async def test_after_one_repair_it_is_a_typed_error(ontology, cut, error):
    model = Parrot("I cannot say.", "I still cannot.", cut=cut)
    with pytest.raises(error):
        await annotate(model, "A goal!", ontology(SINGLE, "sport", "art"))
    assert len(model.asked) == 2


async def test_unplaced_mentions_are_kept_and_lower_the_confidence(ontology, entities_json):
    both = entities_json(("Ann", "PER"), ("Zoe", "PER"))
    model = Parrot(both, both)
    label = (await annotate(model, "Ann sings.", ontology(SPAN, "PER", "LOC"))).label
    assert [a.value for a in label.annotations] == [Span(0, 3, "Ann")]
    assert [m.text for m in label.unplaced_mentions] == ["Zoe"]
    found = Parrot(entities_json(("Ann", "PER"), ("sings", "PER")))
    other = (await annotate(found, "Ann sings.", ontology(SPAN, "PER", "LOC"))).label
    assert label.confidence is not None
    assert other.confidence is not None
    assert label.confidence.raw < 0.6 * other.confidence.raw
    assert len(model.asked) == 2


async def test_a_repair_that_is_worse_is_not_taken(ontology, entities_json):
    model = Parrot(entities_json(("Ann", "PER"), ("Zoe", "PER")), "sorry")
    label = (await annotate(model, "Ann sings.", ontology(SPAN, "PER"))).label
    assert [a.value for a in label.annotations] == [Span(0, 3, "Ann")]
    assert [m.text for m in label.unplaced_mentions] == ["Zoe"]


async def test_what_no_message_can_carry_is_replaced(ontology):
    model = Parrot('{"entities": [{"text": "\\ud800 \\u0000", "category": "PER"}]}')
    label = (await annotate(model, "Ann sings.", ontology(SPAN, "PER"))).label
    assert [m.text for m in label.unplaced_mentions] == ["\ufffd \ufffd"]
    assert label_from_pb(label_to_pb(label, "news")) == label
    model.asked[1][-1].content.encode()


async def test_a_prompt_that_cannot_fit_is_not_sent(ontology):
    model = Parrot("{}")
    with pytest.raises(PromptTooLong):
        await annotate(model, "x " * 40_000, ontology(SINGLE, "a", "b"))
    assert model.asked == []


async def test_too_many_annotations(ontology, entities_json):
    model = Parrot(entities_json(("a", "PER")))
    with pytest.raises(TooManyAnnotations):
        await Annotator(model, 1_000_000).pre_annotate("a " * 10_001, {}, plan_for(ontology(SPAN, "PER")))


async def test_tokens_of_another_reply_are_no_confidence(ontology):
    model = Parrot('{"category": "sport"}', tokens=spelled("something else"))
    with pytest.raises(LogprobsUnreadable):
        await annotate(model, "A goal!", ontology(SINGLE, "sport", "art"))


async def test_several_tools(tool):
    both = Ontology((tool(SINGLE, "good", "bad", name="mood"), tool(SPAN, "PER", name="names")), revision=3)
    reply = {"mood": {"category": "good"}, "names": {"entities": [{"text": "Ann", "category": "PER"}]}}
    label = (await annotate(Parrot(json.dumps(reply)), "Ann sings.", both)).label
    assert [(a.tool, a.category) for a in label.annotations] == [("mood", "good"), ("names", "PER")]


TEXT = "Ann met Bob in New York; Ann left Köln for New\u00a0York. 東京 is far 😀."
SEEDS = [
    '{"entities": [{"text": "Ann", "category": "PER"}, {"text": "New York", "category": "LOC"}]}',
    '{"entities": []}',
    '{"entities": [{"text": "Köln", "category": "loc"}, {"text": "東京", "category": "LOC"}]}',
    '```json\n{"entities": [{"text": "Bob", "category": "PER"}]}\n```',
    '{"category": "sport"}',
    '{"categories": ["sport", "art"]}',
    "sport",
    "I think it is [sport].",
    '{"mood": {"category": "good"}, "names": {"entities": [{"text": "Ann", "category": "PER"}]}}',
]
NOISE = [
    *(
        '"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\\",
        "\\u",
        "\\ud83d",
        "\x00",
        "\n",
        " ",
        "null",
        "1e999",
        "-",
        "```",
    ),
    *("é", "e\u0301", "😀", "\u202e", "PER", "LOC", "Ann", "sport", "category", "entities", "true"),
]


def mutate(rng):
    reply = rng.choice(SEEDS)
    for _ in range(rng.randint(0, 4)):
        at = rng.randint(0, len(reply))
        match rng.randint(0, 5):
            case 0:
                reply = reply[:at]
            case 1:
                reply = reply[at:]
            case 2:
                reply = reply[:at] + rng.choice(NOISE) + reply[at:]
            case 3:
                reply = reply[:at] + reply[at + rng.randint(1, 8) :]
            case 4:
                reply = reply[:at] + reply + reply[at:]
            case 5:
                reply = (
                    "".join(rng.sample(reply, len(reply)))
                    if rng.random() < 0.1
                    else reply + rng.choice(NOISE)
                )
    return reply[:20_000]


def claimed(reply):
    """What the reply claims by an independent reading: the standard library's, of its outermost brackets."""
    starts = [at for at in (reply.find("{"), reply.find("[")) if at >= 0]
    if not starts:
        return None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(reply[min(starts) :])
    except (ValueError, RecursionError):
        return None
    found = value.get("entities", value.get("Entities")) if isinstance(value, dict) else value
    if not isinstance(found, list) or not all(
        isinstance(e, dict) and set(e) == {"text", "category"} for e in found
    ):
        return None
    return [str(entity["text"]) for entity in found]


def plain(text):
    text = "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
    text = "".join(
        c for c in unicodedata.normalize("NFKC", text).casefold() if unicodedata.category(c) != "Cf"
    )
    return " ".join(text.split())


@pytest.mark.parametrize("part", range(10))
async def test_ten_thousand_malformed_replies_end_as_a_prediction_or_a_typed_error(tool, part):
    rng = random.Random(part)
    ontologies = [
        Ontology((tool(SPAN, "PER", "LOC"),)),
        Ontology((tool(SINGLE, "sport", "art"),)),
        Ontology((tool(MULTI, "sport", "art"),)),
        Ontology((tool(SINGLE, "good", "bad", name="mood"), tool(SPAN, "PER", name="names"))),
    ]
    predictions = failures = 0
    for _ in range(1_000):
        ontology = ontologies[rng.choice((0, 0, 1, 2, 3))]
        method = rng.choice(list(ConfidenceMethod))
        reply = mutate(rng)
        model = Parrot(reply, reply, cut=(0, 1) if rng.random() < 0.05 else ())
        try:
            label = (await annotate(model, TEXT, ontology, method=method)).label
        except AnnotatorError as error:
            failures += 1
            if isinstance(error, MalformedReply | ReplyCut) and len(model.asked) != 2:
                raise
            continue
        predictions += 1
        check_label(label.annotations, Asset("k", text=TEXT), ontology)
        assert label_from_pb(label_to_pb(label, "news")) == label
        assert label.confidence is not None
        assert 0 <= label.confidence.lower <= label.confidence.raw <= label.confidence.upper <= 1
        if ontology is ontologies[0]:
            traced = {plain(a.value.text) for a in label.annotations if isinstance(a.value, Span)}
            traced |= {plain(m.text) for m in label.unplaced_mentions}
            assert {plain(text) for text in claimed(reply) or []} <= traced
    assert predictions > 50
    assert failures > 50
