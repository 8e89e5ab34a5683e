"""How sure the model was, from the probabilities of the tokens it wrote (pure). Never a constant.

TOP5_PRODUCT: "five tokens with the highest probability ... multiplied their scores", read as the product of
the probabilities of the first five (or fewer) generated tokens that spell the answer. The other reading, the
product over the five alternatives of one position, is largest where the model is least sure and ranks wrong.
Fully reported, so lower = raw = upper. Range 0 to 1.

LABEL_MASS: the mass that the reported alternatives gave to the answer among all answers the ontology allows,
see `mass`. Range 0 to 1, with bounds for what the endpoint did not report.

A claim and a label, by kind of tool:
- CHOICE_SINGLE. TOP5: tokens of the category. MASS: mass of the category among all. Label = claim.
- CHOICE_MULTI. Claim, TOP5: tokens of the category; MASS: mass of going on with the list times mass of the
  categories still to be named among those not yet named (so the order of naming does not count against the
  answer). Label = product of the claims times the probability of closing the list there.
- SPAN. Claim, TOP5: the first five of the category's tokens and then the entity's; MASS: mass of the category
  times the geometric mean of the entity's tokens (a plain product would rank long names last). Label = the
  weakest of the claims and of closing the list: a product would rank texts with many entities last. No
  entities: closing the list alone. Then times the share of mentions that were found in the text.
- Several tools: product over the tools.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod

from labels.label import Confidence, ConfidenceMethod
from labels.ontology import Tool, ToolKind
from llm_annotator.answer import Answer, ListEnds, Mention, Named, ToolAnswer
from llm_annotator.mass import Score, Spellings, category_mass, certain, least, list_mass
from llm_annotator.tokens import TokenLine

TOP_TOKENS = 5


@dataclass(frozen=True, slots=True)
class Sureness:
    """Scores of one tool's answer: one for each claim in order, one for all of it."""

    claims: tuple[Score, ...]
    whole: Score


def measure(
    answer: Answer, line: TokenLine, method: ConfidenceMethod, spellings: Mapping[str, Spellings]
) -> tuple[Sureness, ...]:
    """How sure the model was of each tool's answer.

    Raises LogprobsMissing where the endpoint reported too little.
    """
    if method is ConfidenceMethod.TOP5_PRODUCT:
        return tuple(_top5(one, line) for one in answer)
    return tuple(_mass(one, line, spellings[one.tool.name]) for one in answer)


def overall(method: ConfidenceMethod, wholes: Iterable[Score]) -> Confidence:
    """The label's confidence from those of its tools."""
    total = certain(1.0)
    for whole in wholes:
        total = total * whole
    raw = min(total.raw, 1.0)
    # Rounding must not turn bounds that are equal to the score around.
    return Confidence(method, raw, min(total.lower, raw), min(max(total.upper, raw), 1.0))


def spellings_of(tools: Iterable[Tool]) -> dict[str, Spellings]:
    """The tools' category spellings by tool name."""
    return {tool.name: Spellings(tool) for tool in tools}


def top5_product(line: TokenLine, tokens: Iterable[int]) -> Score:
    """Product of the probabilities of the first five tokens."""
    first = list(tokens)[:TOP_TOKENS]
    return certain(prod(line.probability(index) for index in first))


def _top5(answer: ToolAnswer, line: TokenLine) -> Sureness:
    claims = [top5_product(line, line.covering(named.at)) for named in answer.named]
    claims += [
        top5_product(line, dict.fromkeys(chain(line.covering(m.named.at), line.covering(m.text_at))))
        for m in answer.mentions
    ]
    if answer.ends is None:
        return Sureness(tuple(claims), claims[0])
    closing = certain(line.probability(line.at(line.byte(answer.ends.close_at))))
    return _listed(answer.tool.kind, claims, closing)


def _mass(answer: ToolAnswer, line: TokenLine, spellings: Spellings) -> Sureness:
    if answer.ends is None:
        named = answer.named[0]
        claim = category_mass(line, spellings, named, {named.category}, spellings.names)
        return Sureness((claim,), claim)
    if answer.tool.kind is ToolKind.CHOICE_MULTI:
        claims = _multi_claims(answer.named, answer.ends, line, spellings)
    else:
        claims = [_entity(mention, line, spellings) for mention in answer.mentions]
    if answer.tool.kind is ToolKind.CHOICE_MULTI and len(claims) == len(spellings.names):
        return _listed(answer.tool.kind, claims, certain(1.0))  # nothing was left to name
    closing = list_mass(line, answer.ends.close_at, first=not claims)
    return _listed(answer.tool.kind, claims, closing)


def _listed(kind: ToolKind, claims: Sequence[Score], closing: Score) -> Sureness:
    if kind is ToolKind.SPAN:
        return Sureness(tuple(claims), least([*claims, closing]))
    whole = closing
    for claim in claims:
        whole = whole * claim
    return Sureness(tuple(claims), whole)


def _multi_claims(
    named: Sequence[Named], ends: ListEnds, line: TokenLine, spellings: Spellings
) -> list[Score]:
    claims = []
    left = set(spellings.names)
    for i, one in enumerate(named):
        going_on = list_mass(line, ends.commas[i - 1] if i else one.at.start - 1, first=not i)
        wanted = {other.category for other in named[i:]}
        claims.append(going_on * category_mass(line, spellings, one, wanted, left))
        left.discard(one.category)
    return claims


def _entity(mention: Mention, line: TokenLine, spellings: Spellings) -> Score:
    category = category_mass(line, spellings, mention.named, {mention.named.category}, spellings.names)
    tokens = line.covering(mention.text_at)
    if not tokens:
        return category
    return category.scaled(prod(line.probability(index) for index in tokens) ** (1 / len(tokens)))
