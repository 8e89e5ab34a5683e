"""SQL of what is remembered of labels, for the rules that compare a label with others.

Only projects with such a rule enabled have rows here. Counts are of labels as they were evaluated: one that another
label of the same asset replaces still counts among the categories, but not among the strings.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from labels.label import Label
from labels.ontology import Ontology
from qa_engine.history import (
    Choice,
    Claim,
    History,
    Share,
    Source,
    Trust,
    choices,
    probability_left,
    source,
    strings,
)
from qa_engine.tables import category_facts, label_facts, string_facts

WINDOW = 500
"""Annotations of a tool after which the recent ones become the previous ones, and those the earlier ones."""
_KEYS_AT_ONCE = 500

Remembered = dict[tuple[str, Source], "_Row"]


@dataclass(frozen=True, slots=True)
class _Row:
    """What is remembered of an asset's label."""

    label_uid: str
    choices: Mapping[str, Choice]
    strings: Sequence[tuple[str, str, str]]


async def read(conn: AsyncConnection, project_uid: str, labels: Sequence[Label]) -> list[History]:
    """The history of each label: what is remembered of the others."""
    rows = await _labels(conn, project_uid, {label.asset_uid for label in labels})
    counts = await _strings(conn, project_uid, {key for label in labels for _, key, _ in strings(label)})
    shares, trust = await _categories(conn, project_uid)
    return [_history(label, rows, counts, shares, trust) for label in labels]


def _history(
    label: Label,
    rows: Remembered,
    counts: Mapping[tuple[str, str], Mapping[str, int]],
    shares: Mapping[Source, Mapping[Claim, Share]],
    trust: Mapping[Claim, Trust],
) -> History:
    mine = source(label)
    own: Counter[tuple[str, str, str]] = Counter()
    for author in Source:
        if row := rows.get((label.asset_uid, author)):
            own.update(row.strings)
    others: dict[tuple[str, str], dict[str, int]] = {}
    for tool, key, _ in strings(label):
        found = {name: n - own[tool, key, name] for name, n in counts.get((tool, key), {}).items()}
        others[tool, key] = {name: n for name, n in found.items() if n > 0}
    other = rows.get((label.asset_uid, Source.PERSON if mine is Source.MODEL else Source.MODEL))
    return History(shares[mine], others, other.choices if other else {}, trust)


async def _labels(conn: AsyncConnection, project_uid: str, assets: Collection[str]) -> Remembered:
    t = label_facts.c
    query = select(label_facts).where((t.project_uid == project_uid) & t.asset_uid.in_(assets))
    return {
        (row.asset_uid, Source(row.source)): _Row(
            row.label_uid,
            {tool: Choice(*chosen) for tool, chosen in json.loads(row.choices).items()},
            [(tool, key, name) for tool, key, name in json.loads(row.strings)],
        )
        for row in await conn.execute(query)
    }


async def _strings(
    conn: AsyncConnection, project_uid: str, keys: Collection[str]
) -> dict[tuple[str, str], dict[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    t, ordered = string_facts.c, sorted(keys)
    for start in range(0, len(ordered), _KEYS_AT_ONCE):
        some = ordered[start : start + _KEYS_AT_ONCE]
        query = select(string_facts).where((t.project_uid == project_uid) & t.string_key.in_(some))
        for row in await conn.execute(query):
            found[row.tool, row.string_key][row.category] = row.labels
    return found


async def _categories(
    conn: AsyncConnection, project_uid: str
) -> tuple[dict[Source, dict[Claim, Share]], dict[Claim, Trust]]:
    shares: dict[Source, dict[Claim, Share]] = {author: {} for author in Source}
    trust = {}
    for row in await conn.execute(select(category_facts).where(category_facts.c.project_uid == project_uid)):
        claim = (row.tool, row.category)
        shares[Source(row.source)][claim] = Share(row.earlier, row.previous + row.recent)
        if row.confidence_count:
            trust[claim] = Trust(row.confidence_sum, row.confidence_count)
    return shares, trust


async def remember(
    conn: AsyncConnection, project_uid: str, labels: Sequence[Label], ontology: Ontology
) -> None:
    """Remember labels, each asset's at most once; what is remembered already changes nothing."""
    rows = await _labels(conn, project_uid, {label.asset_uid for label in labels})
    new = [
        label
        for label in labels
        if (row := rows.get((label.asset_uid, source(label)))) is None or row.label_uid != label.uid
    ]
    await upsert(
        conn,
        label_facts,
        [_label_row(project_uid, label, ontology) for label in new],
        replaced=("label_uid", "choices", "strings"),
    )
    await upsert(conn, string_facts, _string_rows(project_uid, new, rows), added=("labels",))
    await upsert(
        conn,
        category_facts,
        _category_rows(project_uid, new, rows, ontology),
        added=("recent", "confidence_sum", "confidence_count"),
    )
    await _roll(conn, project_uid, {(source(label), a.tool) for label in new for a in label.annotations})


def _label_row(project_uid: str, label: Label, ontology: Ontology) -> dict[str, Any]:
    chosen = {tool: [c.category, c.confidence] for tool, c in choices(label, ontology).items()}
    return {
        "project_uid": project_uid,
        "asset_uid": label.asset_uid,
        "source": source(label).value,
        "label_uid": label.uid,
        "choices": json.dumps(chosen),
        "strings": json.dumps(strings(label)),
    }


def _string_rows(project_uid: str, labels: Sequence[Label], before: Remembered) -> list[dict[str, Any]]:
    """What the labels add to the counts of strings, less what those that they replace did."""
    said: Counter[tuple[str, str, str]] = Counter()
    for label in labels:
        said.update(strings(label))
        row = before.get((label.asset_uid, source(label)))
        said.subtract(row.strings if row is not None else ())
    # In one order everywhere, so that two transactions do not wait for each other.
    return [
        {"project_uid": project_uid, "tool": tool, "string_key": key, "category": name, "labels": count}
        for (tool, key, name), count in sorted(said.items())
        if count
    ]


def _category_rows(
    project_uid: str, labels: Sequence[Label], before: Remembered, ontology: Ontology
) -> list[dict[str, Any]]:
    """What the labels add to the counts of categories and to the trust in the model."""
    counted = Counter((source(label), a.tool, a.category) for label in labels for a in label.annotations)
    sure: dict[tuple[Source, str, str], list[float]] = defaultdict(list)
    for label in labels:
        model, person = (before.get((label.asset_uid, author)) for author in (Source.MODEL, Source.PERSON))
        # An asset counts once, with what a person said first.
        if source(label) is Source.PERSON and person is None and model is not None:
            for tool, choice in choices(label, ontology).items():
                if tool in model.choices:
                    left = probability_left(choice.category, model.choices[tool])
                    sure[Source.PERSON, tool, choice.category].append(left)
    return [
        {
            "project_uid": project_uid,
            "source": author.value,
            "tool": tool,
            "category": category,
            "earlier": 0,
            "previous": 0,
            "recent": count,
            "confidence_sum": sum(sure[author, tool, category]),
            "confidence_count": len(sure[author, tool, category]),
        }
        for (author, tool, category), count in sorted(counted.items())
    ]


async def _roll(conn: AsyncConnection, project_uid: str, tools: Collection[tuple[Source, str]]) -> None:
    """Where enough is recent, make it the previous, and what was that the earlier."""
    t = category_facts.c
    for author, tool in sorted(tools):
        mine = (t.project_uid == project_uid) & (t.source == author.value) & (t.tool == tool)
        recent = (await conn.execute(select(t.recent).where(mine))).scalars()
        if sum(recent) >= WINDOW:
            changed = {"earlier": t.earlier + t.previous, "previous": t.recent, "recent": 0}
            await conn.execute(update(category_facts).where(mine).values(changed))
