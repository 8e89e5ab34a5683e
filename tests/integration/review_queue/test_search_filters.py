"""Filters and orders of label searches mean on both databases what they mean in plain Python."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from chassis.db import Database
from chassis.pages import page
from labelmesh.label.v1 import label_pb2
from review_queue import projects, tables
from review_queue.filter import parse
from review_queue.project import Project
from review_queue.search import finding
from review_queue.search.conditions import Place
from review_queue.search.fields import FIELDS
from review_queue.search.finding import Bounds
from review_queue.search.shortlist import shortlists
from review_queue.search.tables import finding_rules
from tests.integration.review_queue import searches

ROWS = searches.rows("news", 250)
USUAL = Bounds()
WALKING = Bounds(longest=0, budget=90)
"""No list is short enough, and a call does not get along all labels."""
examples = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _store(db: Database, project_uid: str, rows: list[Any]) -> None:
    """Write labels that stand straight into the tables, and before each one that did: a prediction of the same run."""
    into: dict[Any, list[Any]] = {
        tables.assets: [_asset(project_uid, i, row) for i, row in enumerate(rows)],
        tables.labels: [_label(project_uid, row) for row in rows]
        + [_prediction(project_uid, row) for row in rows if row["model"] and row["kind"] != "PREDICTION"],
        tables.tasks: [_task(project_uid, row) for row in rows],
        tables.label_categories: [
            {"project_uid": project_uid, "category": name, "label_uid": row["uid"]}
            for row in rows
            for name in row["category"]
        ],
        tables.findings: [_findings(project_uid, row) for row in rows if row["findings"]],
        finding_rules: [
            {"project_uid": project_uid, "rule": name, "label_uid": row["uid"]}
            for row in rows
            for name in row["rule"]
        ],
        tables.reviews: [_review(project_uid, row) for row in rows if row["decision"] == "REJECT"],
    }
    async with db.begin() as conn:
        for table, values in into.items():
            await conn.execute(insert(table), values)


def _asset(project_uid: str, i: int, row: Any) -> dict[str, Any]:
    return {"uid": row["asset"], "project_uid": project_uid, "seq": i + 1, "key": row["key"], "body": b""}


def _label(project_uid: str, row: Any) -> dict[str, Any]:
    return {
        "uid": row["uid"],
        "project_uid": project_uid,
        "asset_uid": row["asset"],
        "revision": row["revision"],
        "kind": row["kind"],
        "run_uid": row["run"] if row["kind"] == "PREDICTION" else "",
        "body": label_pb2.Label(author=row["author"]).SerializeToString(),
        "author": row["author"],
        "source": row["source"],
        "create_time_us": row["create_time"],
        "prediction_uid": "",
        "model": row["model"],
        "prompt_revision": row["prompt_revision"],
        "confidence": row["confidence"],
        "agreement": row["agreement"],
        "overlap": row["overlap"],
    }


def _prediction(project_uid: str, row: Any) -> dict[str, Any]:
    """What a reviewer's label followed; it stands no more, so nothing of it is found."""
    changed = {"uid": f"P{row['uid']}", "revision": 0, "kind": "PREDICTION", "author": row["model"]}
    gone = {"run_uid": row["run"], "agreement": None, "overlap": None, "source": "MODEL"}
    return _label(project_uid, row) | changed | gone


def _task(project_uid: str, row: Any) -> dict[str, Any]:
    return {
        "uid": row["asset"],
        "project_uid": project_uid,
        "state": 4 if row["decision"] else 2,
        "rank": 0.0,
        "uncertainty": 1.0,
        "severity": 0.0,
        "create_time_us": 1,
        "revision": row["revision"],
        "label_uid": row["uid"],
        "label_kind": row["kind"],
        "prediction_error": "",
        "reviewer": row["reviewer"] or "somebody",
        "fencing_token": 1,
        "lease_expire_us": 0,
        "leased_label_uid": "",
        "decision": row["decision"],
        "run_uid": row["run"],
        "review_time_us": row["review_time"],
    }


def _findings(project_uid: str, row: Any) -> dict[str, Any]:
    return {
        "label_uid": row["uid"],
        "project_uid": project_uid,
        "ruleset_revision": 1,
        "n": row["findings"],
        "severity": row["severity"],
        "body": b"",
    }


def _review(project_uid: str, row: Any) -> dict[str, Any]:
    return {
        "uid": f"V{row['uid']}",
        "project_uid": project_uid,
        "asset_uid": row["asset"],
        "base_label_uid": "",
        "label_uid": "",
        "reviewer": row["reviewer"],
        "decision": "REJECT",
        "reason": "",
        "ops": b"",
        "active_seconds": 1.0,
        "create_time_us": 1,
        "run_uid": "",
    }


@pytest.fixture
async def project(house: Any) -> Project:
    """A project with 250 random labels beside another one with as many."""
    for name in ("news", "other"):
        created = await house.project(name)
        await _store(house.db, created.uid, searches.rows(name, 250))
    async with house.db.read() as conn:
        return await projects.get(conn, "house", "news")


async def _uids(
    db: Database, project: Project, said: str, by: str = "", size: int = 1_000, bounds: Bounds = USUAL
) -> list[str]:
    """All uids that a search finds, page by page; no page is longer than asked for."""
    query = finding.query(said, by)
    found: list[str] = []
    token = ""
    while True:
        asked = page((said, by), size, token, query.cursor)
        async with db.read() as conn:
            labels, token = await finding.some(conn, project, query, asked, searches.NOW, bounds)
        assert len(labels) <= size
        found += [label.facts.uid for label in labels]
        if not token:
            return found


@given(said=searches.filters)
@examples
async def test_a_search_finds_what_plain_python_finds(house: Any, project: Project, said: Any) -> None:
    expected = sorted(row["uid"] for row in ROWS if said.holds(row))
    assert sorted(await _uids(house.db, project, said.text)) == expected, said.text
    assert sorted(await _uids(house.db, project, said.text, bounds=WALKING)) == expected, said.text


@given(said=searches.filters, order=searches.orders, size=st.integers(1, 60), walks=st.booleans())
@examples
async def test_pages_in_any_order_are_the_sorted_list(
    house: Any, project: Project, said: Any, order: Any, size: int, walks: bool
) -> None:
    by = ", ".join(f"{field} desc" if down else field for field, down in order)
    expected = [row["uid"] for row in searches.sorted_rows([r for r in ROWS if said.holds(r)], order)]
    # 250 pages of one row each would be asked for a minute on a busy machine.
    size = max(size, len(expected) // 40)
    bounds = WALKING if walks else USUAL
    assert await _uids(house.db, project, said.text, by, size, bounds) == expected, (said.text, by)


@pytest.mark.parametrize("down", [False, True])
async def test_a_walk_goes_either_way_and_is_broken_off(house: Any, project: Project, down: bool) -> None:
    by = "create_time desc" if down else "create_time"
    query = finding.query('model = "*" AND revision = 99', by)
    asked = page(("x",), 10, "", query.cursor)
    async with house.db.read() as conn:
        found, token = await finding.some(conn, project, query, asked, searches.NOW, WALKING)
    assert (list(found), bool(token)) == ([], True)
    expected = [row["uid"] for row in searches.sorted_rows(ROWS, [("create_time", down)])]
    assert await _uids(house.db, project, "", by, 7, WALKING) == expected


@pytest.mark.parametrize(
    "said",
    [
        'author = "\' OR 1=1 --"',
        "reviewer = '\\' OR \\'\\'=\\''",
        'key = "x\\"); DROP TABLE labels; --"',
        'author = "%\' UNION SELECT * FROM projects --"',
        'category:"\') OR (1=1"',
        'rule:"\'); DELETE FROM finding_rules; --"',
    ],
)
async def test_what_looks_like_sql_is_only_a_text(house: Any, project: Project, said: str) -> None:
    wanted = [r["uid"] for r in ROWS if said == 'author = "\' OR 1=1 --"' and r["author"] == "' OR 1=1 --"]
    assert sorted(await _uids(house.db, project, said)) == sorted(wanted)
    assert len(await _uids(house.db, project, "")) == len(ROWS)


def test_the_searches_under_test_name_every_field() -> None:
    assert set(ROWS[0]) == set(FIELDS)
    assert {name for name, field in FIELDS.items() if field.sortable} == searches.SORTABLE


@pytest.mark.parametrize(
    ("said", "index"),
    [
        ("confidence < 0.1", "labels_by_confidence"),
        ("prompt_revision = 3", "labels_by_prompt (project_uid=? AND kind=? AND prompt_revision=?)"),
        ("agreement < 0.1", "labels_changed"),
        ("overlap < 0.1", "labels_changed"),
        ("author = ann", "labels_by_author (project_uid=? AND author=?)"),
        ("create_time > 2026-01-01", "labels_by_time"),
        ("run = 01RUN", "labels_by_run"),
        ("severity >= ERROR", "findings_found"),
        ("decision = REJECT", "reviews_rejected"),
        ("decision = AUTO_ACCEPT", "tasks_auto_accepted"),
    ],
)
async def test_a_short_list_is_read_from_its_index(
    house: Any, project: Project, said: str, index: str
) -> None:
    if house.db.dialect != "sqlite":
        pytest.skip("PostgreSQL decides by what is in the table, and reads a small one whole")
    (listed,) = shortlists(parse(said, FIELDS), Place(project.uid, "sqlite"))
    built = listed.rows.compile(house.db.engine.sync_engine, compile_kwargs={"literal_binds": True})
    async with house.db.read() as conn:
        (plan,) = (await conn.execute(text(f"EXPLAIN QUERY PLAN {built}"))).all()
    assert f"INDEX {index}" in plan[-1]
