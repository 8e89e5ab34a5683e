import random
from itertools import product

import pytest

from labels.label import ConfidenceMethod
from labels.ontology import ToolKind
from llm_annotator.confidence import measure, overall, spellings_of, top5_product
from llm_annotator.errors import LogprobsMissing, LogprobsUnreadable
from llm_annotator.mass import Spellings, category_mass
from llm_annotator.parse import ReplyParser
from llm_annotator.tokens import TokenLine

SINGLE, MULTI, SPAN = ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI, ToolKind.SPAN
TOP5, MASS = ConfidenceMethod.TOP5_PRODUCT, ConfidenceMethod.LABEL_MASS


def sureness(tool, method, tokens):
    reply = b"".join(bytes(token["bytes"]) for token in tokens).decode()
    answer = ReplyParser((tool,)).parse(reply)
    return measure(answer, TokenLine(reply, tokens), method, spellings_of([tool]))[0]


def score(tool, method, tokens):
    whole = sureness(tool, method, tokens).whole
    return pytest.approx((whole.raw, whole.lower, whole.upper), abs=1e-9)


def test_one_token_labels(tool, spell):
    tokens = spell('{"category":"', ("pos", 0.6, {"neg": 0.3, "mix": 0.05, "the": 0.01}), '"}')
    t = tool(SINGLE, "pos", "neg", "mix")
    assert score(t, TOP5, tokens) == (0.6, 0.6, 0.6)
    # mass 0.6 of 0.95 on labels, 0.01 outside, 0.04 unreported
    assert score(t, MASS, tokens) == (0.6 / 0.95, 0.6 / 0.99, 0.64 / 0.99)


def test_rivals_outside_the_top_five_are_not_impossible(tool, spell):
    tokens = spell('{"category":"', ("pos", 0.7, {"the": 0.1, "a": 0.06}), '"}')
    t = tool(SINGLE, "pos", "neg", "mix")
    # two rivals, each with half of 0.06
    assert score(t, MASS, tokens) == (0.7 / 0.76, 0.7 / 0.84, 1.0)
    tokens = spell('{"category":"', ("pos", 0.7, {"the": 0.2, "a": 0.09}), '"}')
    # but not more than what is unreported
    assert score(t, MASS, tokens) == (0.7 / 0.71, 0.7 / 0.71, 1.0)


def test_labels_of_several_tokens_with_a_shared_first(tool, spell):
    tokens = spell(
        '{"category": "',
        ("un", 0.8, {"fair": 0.1}),
        ("fair", 0.7, {"known": 0.2, "til": 0.05}),
        ('"', 0.99, {"ly": 0.005}),
        "}",
    )
    t = tool(SINGLE, "unfair", "unknown", "fair")
    assert score(t, TOP5, tokens) == (0.8 * 0.7, 0.8 * 0.7, 0.8 * 0.7)
    second = (0.7 / 0.9, 0.7 / 0.95, 0.75 / 0.95)
    assert score(t, MASS, tokens) == (
        0.8 * second[0] / 0.9,
        0.8 * second[1] / 1.0,
        0.8 * second[2] / 1.0 + 0.1 / 1.0,
    )


def test_a_token_shared_by_all_labels_decides_nothing(tool, spell):
    tokens = spell('{"category":"', ("class ", 0.5, {"no": 0.5}), ("A", 0.9, {"B": 0.1}), '"}')
    assert score(tool(SINGLE, "class A", "class B"), MASS, tokens) == (0.9, 0.9, 0.9)


def test_a_label_that_begins_another_is_decided_by_the_quote(tool, spell):
    tokens = spell('{"category":"', ("sport", 0.9, {"art": 0.1}), ('"}', 0.6, {"s": 0.3, "y": 0.1}))
    assert score(tool(SINGLE, "sport", "sports", "art"), MASS, tokens) == (
        0.9 * (0.6 / 0.9),
        0.9 * (0.6 / 0.9),
        0.9 * (0.6 / 0.9),
    )


def test_a_token_over_the_closing_quote_counts(tool, spell):
    tokens = spell('{"category":"', ("good", 0.5, {"goods": 0.25}), ('"}', 1.0, {}))
    other = spell('{"category":"', ('good"}', 0.5, {"goods": 0.25, "good": 0.25}))
    t = tool(SINGLE, "good", "goods")
    assert score(t, TOP5, other) == (0.5, 0.5, 0.5)
    # "good" alone may still become either: open
    assert score(t, MASS, other) == (0.5 / 0.75, 0.5, 0.75)
    # "goods" is against, "good" goes on for sure
    assert score(t, MASS, tokens) == (0.5 / 0.75, 0.5, 0.75)


def test_a_token_over_the_opening_quote_is_compared_with_its_likes(tool, spell):
    tokens = spell('{"category":', (' "pos', 0.5, {' "neg': 0.2, '"neg': 0.1, ' "': 0.1, " yes": 0.1}), '"}')
    assert score(tool(SINGLE, "pos", "neg"), MASS, tokens) == (0.5 / 0.8, 0.5 / 0.9, 0.6 / 0.9)


def test_case_space_and_dash_variants_are_the_same_label(tool, spell):
    tokens = spell(
        '{"category": "',
        ("Spam", 0.4, {"spam": 0.2, " spam": 0.1, "SPAM": 0.05, "not_spam": 0.25}),
        '"}',
    )
    assert score(tool(SINGLE, "spam", "not-spam"), MASS, tokens) == (0.75, 0.75, 0.75)


def test_variants_are_apart_where_case_tells_labels_apart(tool, spell):
    tokens = spell('{"category":"', ("us", 0.6, {"US": 0.4}), '"}')
    assert score(tool(SINGLE, "us", "US"), MASS, tokens) == (0.6, 0.6, 0.6)


def test_bytes_inside_a_character(tool, spell):
    first, second = "é".encode()[:1], "é".encode()[1:]
    tokens = spell('{"category":"', (first, 0.7, {"a": 0.3}), (second, 0.9, {b"\xaa": 0.1}), "t", 'é"}')
    t = tool(SINGLE, "été", "art")
    assert score(t, TOP5, tokens) == (0.63, 0.63, 0.63)
    assert score(t, MASS, tokens) == (0.7, 0.7, 0.7)


def test_escapes_spell_the_label_too(tool, spell):
    tokens = spell('{"category":"', ("\\u00e9", 0.6, {"é": 0.3, "a": 0.1}), 't\\u00e9"}')
    assert score(tool(SINGLE, "été", "art"), MASS, tokens) == (0.9, 0.9, 0.9)


def test_only_five_tokens_are_multiplied(tool, spell):
    tokens = spell('{"category":"', *[(c, 0.5, {}) for c in "abcdefg"], '"}')
    assert score(tool(SINGLE, "abcdefg", "x"), TOP5, tokens) == (0.5**5,) * 3


def test_quote_and_brace_tokens_are_no_answer_tokens(tool, spell):
    tokens = spell(("{", 0.1, {}), ('"category":"', 0.1, {}), ("pos", 0.6, {}), ('"}', 0.1, {}))
    assert score(tool(SINGLE, "pos", "neg"), TOP5, tokens) == (0.6,) * 3


def test_a_bare_category(tool, spell):
    tokens = spell(("pos", 0.6, {"neg": 0.2, "posh": 0.1}))
    assert score(tool(SINGLE, "pos", "neg"), MASS, tokens) == (
        0.6 / 0.8,
        0.6 / 0.9,
        0.7 / 0.9,
    )  # posh is no label


def test_multi_counts_what_is_named_later_as_right_too(tool, spell):
    t = tool(MULTI, "a", "b", "c")
    tokens = spell(
        '{"categories":',
        ("[", 1.0, {}),
        ('"', 0.8, {"]": 0.2}),
        ("b", 0.5, {"a": 0.3, "c": 0.2}),
        '"',
        (",", 0.6, {"]": 0.4}),
        '"',
        ("a", 0.9, {"c": 0.1}),
        '"',
        ("]", 0.7, {",": 0.3}),
        "}",
    )
    found = sureness(t, MASS, tokens)
    assert [claim.raw for claim in found.claims] == pytest.approx([0.8 * 0.8, 0.6 * 0.9], abs=1e-9)
    assert found.whole.raw == pytest.approx(0.8 * 0.8 * 0.6 * 0.9 * 0.7, abs=1e-9)
    assert score(t, TOP5, tokens) == (0.5 * 0.9 * 0.7,) * 3


def test_multi_that_names_everything_has_nothing_to_stop(tool, spell):
    tokens = spell(
        '{"categories":[', ('"', 0.8, {"]": 0.2}), ("a", 1.0, {}), '"', ("]", 0.7, {",": 0.3}), "}"
    )
    assert score(tool(MULTI, "a"), MASS, tokens) == (0.8, 0.8, 0.8)


@pytest.mark.parametrize("kind", [MULTI, SPAN])
def test_an_empty_list_is_as_sure_as_its_end(tool, spell, kind):
    key = "categories" if kind is MULTI else "entities"
    tokens = spell(f'{{"{key}":', (" []", 0.6, {' [{"': 0.1, ' ["': 0.1, "[": 0.1, " null": 0.1}), "}")
    assert score(tool(kind, "A"), TOP5, tokens) == (0.6,) * 3
    assert score(tool(kind, "A"), MASS, tokens) == (0.75, 0.6 / 0.9, 0.7 / 0.9)


def test_an_entity_weighs_its_category_and_its_text(tool, spell):
    t = tool(SPAN, "PER", "LOC")
    tokens = spell(
        '{"entities":[{"text":"',
        ("An", 0.9, {"Bo": 0.1}),
        ("na", 0.4, {"n": 0.6}),
        '","category":"',
        ("PER", 0.7, {"LOC": 0.2, "ORG": 0.1}),
        ('"}]', 0.8, {'"},': 0.2}),
        "}",
    )
    found = sureness(t, MASS, tokens)
    assert found.claims[0].raw == pytest.approx(0.7 / 0.9 * (0.9 * 0.4) ** 0.5, abs=1e-9)
    assert found.whole.raw == pytest.approx(0.7 / 0.9 * (0.9 * 0.4) ** 0.5, abs=1e-9)
    assert sureness(t, TOP5, tokens).claims[0].raw == pytest.approx(0.7 * 0.9 * 0.4, abs=1e-9)


def test_the_weakest_claim_or_the_end_speaks_for_all_entities(tool, spell):
    entity = ('{"text":"', ("Ann", 0.9, {}), '","category":"', ("PER", 1.0, {"LOC": 0.0}))
    tokens = spell('{"entities":[', *entity, '"},', *entity, '"}', ("]", 0.3, {",": 0.7}), "}")
    assert sureness(tool(SPAN, "PER", "LOC"), MASS, tokens).whole.raw == pytest.approx(0.3, abs=1e-9)


def test_tools_multiply():
    assert overall(MASS, []).raw == 1.0


def test_no_alternatives_anywhere_are_no_confidence(tool, spell):
    tokens = [{**t, "top_logprobs": []} for t in spell('{"category":"', ("pos", 0.6, {}), '"}')]
    with pytest.raises(LogprobsMissing):
        sureness(tool(SINGLE, "pos", "neg"), MASS, tokens)
    assert score(tool(SINGLE, "pos", "neg"), TOP5, tokens) == (0.6,) * 3


@pytest.mark.parametrize(
    "spoil", [{"logprob": None}, {"logprob": float("nan")}, {"bytes": [300]}, {"bytes": None, "token": "x"}]
)
def test_unreadable_tokens_are_a_typed_error(tool, spell, spoil):
    tokens = spell('{"category":"', ("pos", 0.6, {}), '"}')
    reply = '{"category":"pos"}'
    answer = ReplyParser((tool(SINGLE, "pos", "neg"),)).parse(reply)
    tokens[1] |= spoil
    with pytest.raises(LogprobsUnreadable):
        measure(answer, TokenLine(reply, tokens), TOP5, {})


def test_stripped_white_space_and_hidden_end_tokens_do_not_shift_places(tool, spell):
    tokens = spell("\n ", '{"category":"', ("pos", 0.6, {}), '"}', "<|end|>")
    reply = '{"category":"pos"}'
    answer = ReplyParser((tool(SINGLE, "pos", "neg"),)).parse(reply)
    assert measure(answer, TokenLine(reply, tokens), TOP5, {})[0].whole.raw == pytest.approx(0.6)


class RandomModel:
    """A model over a small vocabulary whose whole next-token distribution is known, drawn from its prefix."""

    VOCABULARY = ("a", "b", "c", "ab", "bc", "abc", "ca", '"', 'a"', 'bc"', "x", " a")

    def __init__(self, seed):
        self._seed = seed

    def next(self, path):
        rng = random.Random(f"{self._seed}/{path}")
        weights = [rng.expovariate(1) ** 3 for _ in self.VOCABULARY]
        return {piece: w / sum(weights) for piece, w in zip(self.VOCABULARY, weights, strict=True)}

    def mass(self, label, labels, path=""):
        """Exact mass of the label from here, each step normalised over what the labels allow."""
        alive = [one for one in labels if self.fits(path, one)]
        if alive == [label]:
            return 1.0
        if label not in alive:
            return 0.0
        steps = {p: q for p, q in self.next(path).items() if any(self.fits(path + p, one) for one in alive)}
        return sum(q * self.mass(label, alive, path + p) for p, q in steps.items()) / sum(steps.values())

    @staticmethod
    def fits(path, label):
        rest = path.lstrip()
        return (label + '"').startswith(rest) or rest.startswith(label + '"')

    def spell(self, label, rng):
        """Tokens of one way to write the label, each with its top five."""
        path, tokens = "", []
        while not path.lstrip().startswith(label + '"'):
            reachable = [p for p in self.next(path) if self.fits(path + p, label)]
            piece = rng.choice(reachable)
            top = sorted(self.next(path).items(), key=lambda one: -one[1])[:5]
            tokens.append((piece, self.next(path)[piece], {p: q for p, q in top if p != piece}))
            path += piece
        return tokens


@pytest.mark.parametrize("seed", range(150))
def test_bounds_hold_the_mass_over_the_whole_vocabulary(tool, spell, seed):
    labels = ["abc", "ab", "ca", "bca"]
    model, rng = RandomModel(seed), random.Random(seed)
    label = rng.choice(labels)
    tokens = spell('{"category":"', *model.spell(label, rng), "}")
    whole = sureness(tool(SINGLE, *labels), MASS, tokens).whole
    exact = model.mass(label, labels)
    assert 0 <= whole.lower <= whole.raw + 1e-12 <= whole.upper + 2e-12 <= 1 + 3e-12
    assert whole.lower - 1e-9 <= exact <= whole.upper + 1e-9


def test_with_everything_reported_the_mass_is_exact(tool, spell):
    tokens = spell('{"category":"', ("a", 0.5, {"b": 0.5}), ("c", 0.25, {"d": 0.75}), '"}')
    named = ReplyParser((tool(SINGLE, "ac", "ad", "b"),)).parse('{"category":"ac"}')[0].named[0]
    line = TokenLine('{"category":"ac"}', tokens)
    t = tool(SINGLE, "ac", "ad", "b")
    found = category_mass(line, Spellings(t), named, {"ac"}, set(t.category_names))
    assert (found.raw, found.lower, found.upper) == pytest.approx((0.125, 0.125, 0.125), abs=1e-9)


def auroc(scores, right):
    pairs = [(s, t) for (s, r), (t, q) in product(zip(scores, right, strict=True), repeat=2) if r and not q]
    return sum((s > t) + 0.5 * (s == t) for s, t in pairs) / len(pairs)


def test_the_other_reading_of_top5_ranks_wrong(tool, spell):
    """Multiplying the five alternatives of one position rewards a flat distribution."""
    rng = random.Random(5)
    names = ["a", "b", "c", "d", "e"]
    t = tool(SINGLE, *names)
    right, ours, theirs = [], [], []
    for _ in range(400):
        sharpness = rng.uniform(0.2, 4)
        weights = [rng.expovariate(1) ** sharpness for _ in names]
        p = sorted((w / sum(weights) * 0.98 + 0.004 for w in weights), reverse=True)
        right.append(rng.random() < p[0])
        tokens = spell('{"category":"', (names[0], p[0], dict(zip(names[1:], p[1:], strict=True))), '"}')
        ours.append((sureness(t, TOP5, tokens).whole.raw, sureness(t, MASS, tokens).whole.raw))
        theirs.append(p[0] * p[1] * p[2] * p[3] * p[4])
    assert auroc(theirs, right) < 0.5
    assert auroc([top5 for top5, _ in ours], right) > 0.65
    assert auroc([mass for _, mass in ours], right) > 0.65


def test_top5_of_no_tokens_is_the_empty_product(spell):
    assert top5_product(TokenLine("x", spell("x")), []).raw == 1.0
