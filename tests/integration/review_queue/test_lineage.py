# ruff: noqa: S608 - the statements are made of names from this file
"""The chain of hashes on both databases: what was altered is found, and what made a label is told."""

from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from labelmesh.qa.v1 import qa_events_pb2
from labelmesh.review.v1 import label_service_pb2, metrics_service_pb2
from labelmesh.review.v1 import lineage_service_pb2 as pb2
from labelmesh.review.v1.lineage_service_pb2_grpc import LineageServiceStub
from labels.correction import Relabel
from labels.proto import correction_op_to_pb
from review_queue.lineage.digest import COLUMNS, Kind
from review_queue.lineage.notary import seal_all, seal_some

PARENT = "projects/news"
TABLES = {Kind.ASSET: "assets", Kind.LABEL: "labels", Kind.REVIEW: "reviews"}
Trouble = tuple[str, str, str]


@pytest.fixture
async def stub(house: Any) -> LineageServiceStub:
    return LineageServiceStub(house.channel)


@pytest.fixture
async def filled(house: Any) -> Any:
    """Three assets: one accepted, one corrected by rejection, one with a prediction only; all of it sealed."""
    project = await house.project()
    assets = await house.import_texts("one", "two", "three")
    await house.deliver(project, *(house.prediction(asset) for asset in assets))
    first, second, _ = await house.lease(3)
    await house.submit(first, "ACCEPT", active_seconds=3.0)
    await house.submit(second, "REJECT", reason="Not legible.")
    return house


async def verify(
    house: Any, stub: LineageServiceStub, actor: str = "ann", **fields: Any
) -> tuple[int, list[Trouble]]:
    """Entries seen, and problem, kind and uid of each trouble."""
    request = pb2.VerifyLineageRequest(parent=PARENT, **fields)
    parts = [part async for part in stub.VerifyLineage(request, metadata=house.as_actor(actor))]
    troubles = [
        (pb2.LineageProblem.Name(t.problem).removeprefix("LINEAGE_PROBLEM_"), t.kind, t.uid)
        for part in parts
        for t in part.troubles
    ]
    return sum(part.entries for part in parts), troubles


async def sealed(house: Any, stub: LineageServiceStub) -> pb2.Seal:
    return (await stub.SealLineage(pb2.SealLineageRequest(parent=PARENT), metadata=house.ann)).seal


async def execute(house: Any, statement: str, **values: Any) -> None:
    async with house.db.begin() as conn:
        await conn.execute(sa.text(statement), values)


async def scalars(house: Any, query: str) -> list[Any]:
    async with house.db.read() as conn:
        return list((await conn.execute(sa.text(query))).scalars())


async def test_what_nobody_altered_verifies_before_and_after_it_is_sealed(filled: Any, stub: Any) -> None:
    assert await verify(filled, stub) == (3 + 4 + 2, [])
    seal = await sealed(filled, stub)
    assert (seal.number, seal.entries) == (1, 9)
    assert await verify(filled, stub) == (9, [])
    assert (await sealed(filled, stub)).digest == seal.digest


def flipped(value: Any) -> Any:
    """The value with a bit changed (a text a few, a real the last ones)."""
    match value:
        case None:
            return 1
        case bytes() | memoryview():
            body = bytearray(value) or bytearray(1)
            body[len(body) // 2] ^= 1 << (len(body) % 8)
            return bytes(body)
        case str():
            # Not the lowest bit, which would make it the next row's.
            return value[:-1] + chr(ord(value[-1]) ^ 64) if value else "x"
        case float():
            return value + 2.0**-40 * max(1.0, abs(value))
        case _:
            return value ^ (1 << 10)


@pytest.mark.parametrize("kind", Kind)
async def test_one_altered_bit_is_found_in_every_column(filled: Any, stub: Any, kind: Kind) -> None:
    await sealed(filled, stub)
    table = TABLES[kind]
    columns = [c for c in COLUMNS[kind] if c not in ("uid", "project_uid")]
    for column in columns:
        (uid, value), *_ = await pairs(filled, f"SELECT uid, {column} FROM {table} ORDER BY uid")
        change = f"UPDATE {table} SET {column} = :value WHERE uid = :uid"
        await execute(filled, change, value=flipped(value), uid=uid)
        _, troubles = await verify(filled, stub)
        assert troubles == [("ALTERED", kind.name.lower(), uid)], column
        await execute(filled, change, value=value, uid=uid)
    assert await verify(filled, stub) == (9, [])


async def pairs(house: Any, query: str) -> list[Any]:
    async with house.db.read() as conn:
        return list((await conn.execute(sa.text(query))).all())


@pytest.mark.parametrize("column", ["uid", "project_uid"])
@pytest.mark.parametrize("kind", Kind)
async def test_a_row_under_another_name_is_missing(filled: Any, stub: Any, kind: Kind, column: str) -> None:
    await sealed(filled, stub)
    uid = (await scalars(filled, f"SELECT uid FROM {TABLES[kind]} ORDER BY uid"))[0]
    await execute(filled, f"UPDATE {TABLES[kind]} SET {column} = 'zzz' WHERE uid = :uid", uid=uid)
    _, troubles = await verify(filled, stub)
    name = kind.name.lower()
    renamed = [("NOT_ENTERED", name, "zzz")] if column == "uid" else []
    assert troubles == [("MISSING", name, uid), *renamed]


@pytest.mark.parametrize("kind", Kind)
async def test_rows_that_are_taken_away_or_slipped_in_are_found(filled: Any, stub: Any, kind: Kind) -> None:
    table, name = TABLES[kind], kind.name.lower()
    await sealed(filled, stub)
    uid = (await scalars(filled, f"SELECT uid FROM {table} ORDER BY uid"))[0]
    await execute(filled, f"DELETE FROM {table} WHERE uid = :uid", uid=uid)
    _, troubles = await verify(filled, stub)
    assert troubles == [("MISSING", name, uid)]
    await execute(filled, "DELETE FROM chain WHERE uid = :uid AND kind = :kind", uid=uid, kind=int(kind))
    _, troubles = await verify(filled, stub)
    assert troubles == [("SEAL_BROKEN", "", "")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chain SET hash = (SELECT hash FROM chain WHERE kind = 1 LIMIT 1) WHERE kind = 2",
        "UPDATE seals SET digest = (SELECT hash FROM chain LIMIT 1)",
        "UPDATE seals SET entries = entries + 1",
        "UPDATE chain SET seal = 0 WHERE kind = 3",
        "DELETE FROM seals",
    ],
)
async def test_an_altered_chain_is_found(filled: Any, stub: Any, statement: str) -> None:
    await sealed(filled, stub)
    await execute(filled, statement)
    _, troubles = await verify(filled, stub)
    assert {problem for problem, _, _ in troubles} & {"SEAL_BROKEN", "SEAL_MISSING"}


async def test_a_chain_that_was_written_anew_differs_from_the_seal_kept_outside(
    filled: Any, stub: Any
) -> None:
    kept = await sealed(filled, stub)
    assert (await verify(filled, stub, kept=kept))[1] == []
    # Whoever may write everything can make all of it fit again - but not what they cannot reach.
    await execute(filled, "DELETE FROM seals")
    await execute(filled, "UPDATE chain SET seal = 0")
    assert await seal_some(filled.db, (await scalars(filled, "SELECT uid FROM projects"))[0], 5) == 5
    await seal_all(filled.db)
    assert (await verify(filled, stub))[1] == []
    assert (await verify(filled, stub, kept=kept))[1] == [("SEAL_DIFFERS", "", "")]


async def test_verification_goes_on_after_the_seal_it_reached(filled: Any, stub: Any) -> None:
    project_uid = (await scalars(filled, "SELECT uid FROM projects"))[0]
    while await seal_some(filled.db, project_uid, 2):
        pass
    assert (await sealed(filled, stub)).number == 5
    assert await verify(filled, stub) == (9, [])
    assert await verify(filled, stub, after_seal=3) == (3, [])


async def test_lineage_says_who_and_what_made_each_revision(filled: Any, stub: Any) -> None:
    seal = await sealed(filled, stub)
    (uid,) = await scalars(filled, "SELECT uid FROM labels WHERE kind = 'REVIEW'")
    found = await stub.GetLineage(pb2.GetLineageRequest(name=f"{PARENT}/labels/{uid}"), metadata=filled.ann)
    review, prediction = found.revisions
    assert (review.label.author, review.decision, review.seal) == ("ann", 1, seal.number)
    assert prediction.label.lineage.prediction_run == f"{PARENT}/predictionRuns/01RUN"
    assert prediction.label.lineage.rendered_prompt_sha256 == "0" * 64
    assert [review.intact, prediction.intact, found.asset_intact] == [True] * 3
    assert len(found.content_sha256) == 64
    assert (review.annotation_count, len(review.label.annotations)) == (1, 0)
    await execute(filled, "UPDATE labels SET revision = 7 WHERE kind = 'REVIEW'")
    again = await stub.GetLineage(pb2.GetLineageRequest(name=f"{PARENT}/labels/{uid}"), metadata=filled.ann)
    assert [r.intact for r in again.revisions] == [False, True]


async def test_lineage_tells_what_a_model_was_asked_and_which_rules_changed_its_label(
    house: Any, stub: Any
) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    predicted = house.prediction(asset)
    made = predicted.label.lineage
    made.response_sha256, made.provider_fingerprint = "ab" * 32, "fp_44709d6fcb"
    made.sampling.seed, made.sampling.max_tokens, made.sampling.top_logprobs = 7, 40, 5
    made.calibrator, made.calibrator_revision = "isotonic", 3
    await house.deliver(project, predicted)
    patched = qa_events_pb2.LabelPatched(
        label=predicted.label.name,
        asset=asset.name,
        rule_run=f"{PARENT}/ruleRuns/01JRUN",
        rules=["snap_spans", "plugin_ours"],
        ops=[correction_op_to_pb(Relabel("a0", "politics"))],
    )
    await house.deliver(project, patched)
    (uid,) = await scalars(house, "SELECT label_uid FROM tasks")
    evaluated = qa_events_pb2.LabelEvaluated(
        label=f"{PARENT}/labels/{uid}",
        asset=asset.name,
        ruleset_revision=4,
        rules=["snap_spans", "span_in_text"],
    )
    await house.deliver(project, evaluated)
    found = await stub.GetLineage(pb2.GetLineageRequest(name=f"{PARENT}/labels/{uid}"), metadata=house.ann)
    after, before = found.revisions
    assert (after.rule_run, list(after.rules)) == (patched.rule_run, ["snap_spans", "plugin_ours"])
    assert (before.rule_run, list(before.rules)) == ("", [])
    assert before.label.lineage == made
    assert (found.ruleset_revision, list(found.rules)) == (4, ["snap_spans", "span_in_text"])
    assert (await verify(house, stub))[1] == []
    # The model made one prediction, whatever rules made of it.
    for run in ("", f"{PARENT}/predictionRuns/01RUN"):
        asked = metrics_service_pb2.GetProjectMetricsRequest(parent=PARENT, prediction_run=run)
        assert (await house.metrics.GetProjectMetrics(asked, metadata=house.ann)).predictions == 1


async def test_bad_requests_and_other_tenants_learn_nothing(filled: Any, stub: Any, refused: Any) -> None:
    await sealed(filled, stub)
    (uid,) = await scalars(filled, "SELECT uid FROM labels WHERE kind = 'REVIEW'")
    get = pb2.GetLineageRequest(name=f"{PARENT}/labels/{uid}")
    with refused(grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await stub.GetLineage(get, metadata=filled.as_actor("eve"))
    with refused(grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await verify(filled, stub, actor="eve")
    with refused(grpc.StatusCode.NOT_FOUND, "LABEL_NOT_FOUND"):
        await stub.GetLineage(pb2.GetLineageRequest(name=f"{PARENT}/labels/none"), metadata=filled.ann)
    with refused(grpc.StatusCode.NOT_FOUND, "SEAL_UNKNOWN"):
        await verify(filled, stub, after_seal=9)
    for bad in ({"after_seal": -1}, {"kept": pb2.Seal(number=1, digest="xyz")}, {"kept": pb2.Seal()}):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID"):
            await verify(filled, stub, **bad)


async def test_an_update_outside_of_review_is_entered_too(filled: Any, stub: Any) -> None:
    (uid,) = await scalars(filled, "SELECT uid FROM labels WHERE kind = 'REVIEW'")
    name = f"{PARENT}/labels/{uid}"
    label = (
        await filled.labels.GetLabel(label_service_pb2.GetLabelRequest(name=name), metadata=filled.ann)
    ).label
    change = label_service_pb2.UpdateLabelRequest(
        name=name, etag=label.etag, annotations=label.annotations, request_id="r1"
    )
    await filled.labels.UpdateLabel(change, metadata=filled.ann)
    assert await verify(filled, stub) == (10, [])
