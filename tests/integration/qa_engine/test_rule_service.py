"""RuleService over a real server."""

import asyncio

import grpc
import pytest

from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import rule_service_pb2 as pb2
from labels.asset import ContentRef
from labels.label import Choice, Polygon, Span

PARENT = "projects/news"
ANN = {"metadata": (("authorization", "Bearer token-a"),)}
BOB = {"metadata": (("authorization", "Bearer token-b"),)}
WARNING = label_pb2.SEVERITY_WARNING


def min_area(value: float, **fields) -> pb2.UpdateRuleRequest:
    parameters = [pb2.RuleParameter(name="min_area_px", value=value)]
    rule = {
        "id": "polygon_min_area",
        "enabled": True,
        "severity": WARNING,
        "parameters": parameters,
        **fields,
    }
    return pb2.UpdateRuleRequest(parent=PARENT, rule=pb2.Rule(**rule))


async def test_rules_are_listed_with_their_defaults(project) -> None:
    listed = await project.stub.ListRules(pb2.ListRulesRequest(parent=PARENT), **ANN)
    assert listed.ruleset_revision == 0
    rules = {rule.id: rule for rule in listed.rules}
    assert list(rules) == sorted(rules)
    assert len(rules) >= 20
    assert all(rule.description for rule in listed.rules)
    assert rules["category_in_ontology"].enabled
    assert not rules["shape_overlap"].enabled
    (parameter,) = rules["polygon_min_area"].parameters
    assert (parameter.name, parameter.value) == ("min_area_px", 5.0)
    assert parameter.kind == pb2.RULE_PARAMETER_KIND_NUMBER
    assert "0 to 1e10" in parameter.description


async def test_a_changed_rule_holds_from_then_on(project, predict) -> None:
    small = predict("outline", "roof", Polygon(((0.0, 0.0, 3.0, 0.0, 3.0, 1.0, 0.0, 1.0),)))
    await project.publish(small)
    assert len((await project.evaluated(1))[0].findings) == 1
    changed = await project.stub.UpdateRule(min_area(3.0), **ANN)
    assert changed.ruleset_revision == 1
    assert changed.rule.parameters[0].value == 3.0
    again = await project.stub.UpdateRule(min_area(3.0), **ANN)
    assert again.ruleset_revision == 1, "nothing changed"
    # The same label under other rules is another evaluation.
    await project.publish(small)
    reported = await project.evaluated(2)
    assert [(event.ruleset_revision, len(event.findings)) for event in reported] == [(0, 1), (1, 0)]
    off = await project.stub.UpdateRule(min_area(9.0, enabled=False), **ANN)
    assert off.ruleset_revision == 2
    kept = await project.stub.UpdateRule(min_area(0, enabled=True, parameters=[]), **ANN)
    assert kept.rule.parameters[0].value == 9.0


async def test_changes_at_once_do_not_cross(project) -> None:
    requests = [min_area(float(i)) for i in range(10, 20)]
    answers = await asyncio.gather(*(project.stub.UpdateRule(request, **ANN) for request in requests))
    assert sorted(answer.ruleset_revision for answer in answers) == list(range(1, 11))


REFUSED = {
    "unknown rule": (min_area(1, id="no_rule"), "NOT_FOUND", "RULE_UNKNOWN"),
    "negative": (min_area(-1), "INVALID_ARGUMENT", "RULE_SETTINGS_INVALID"),
    "not a number": (min_area(float("nan")), "INVALID_ARGUMENT", "RULE_SETTINGS_INVALID"),
    "no severity": (min_area(1, severity=0), "INVALID_ARGUMENT", "RULE_SETTINGS_INVALID"),
    "unknown parameter": (
        min_area(1, parameters=[pb2.RuleParameter(name="max_area_px", value=1)]),
        "INVALID_ARGUMENT",
        "RULE_SETTINGS_INVALID",
    ),
    "the same parameter twice": (
        min_area(1, parameters=[pb2.RuleParameter(name="min_area_px", value=v) for v in (1, 2)]),
        "INVALID_ARGUMENT",
        "RULE_SETTINGS_INVALID",
    ),
}


@pytest.mark.parametrize(("request_", "code", "why"), REFUSED.values(), ids=REFUSED.keys())
async def test_settings_that_do_not_fit_are_refused(project, reason, request_, code: str, why: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await project.stub.UpdateRule(request_, **ANN)
    assert (raised.value.code().name, reason(raised.value)) == (code, why)
    listed = await project.stub.ListRules(pb2.ListRulesRequest(parent=PARENT), **ANN)
    assert listed.ruleset_revision == 0


async def test_a_label_is_evaluated_on_the_spot_and_not_kept(project, predict, reason) -> None:
    event = predict("entity", "person", Span(8, 11, "Ann"))
    request = pb2.EvaluateLabelRequest(parent=PARENT, asset=event.asset, label=event.label)
    answer = await project.stub.EvaluateLabel(request, **ANN)
    assert [(f.rule, f.annotation_id) for f in answer.findings] == [("span_in_text", "a0")]
    listed = await project.stub.ListFindings(pb2.ListFindingsRequest(parent=PARENT), **ANN)
    assert not listed.findings
    request.label.kind = 0
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await project.stub.EvaluateLabel(request, **ANN)
    assert (raised.value.code().name, reason(raised.value)) == ("INVALID_ARGUMENT", "LABEL_INVALID")
    request.label.kind = event.label.kind
    request.asset.text_ref.uri = "http://localhost/secret"
    request.asset.text_ref.sha256 = "0" * 64
    request.asset.text_ref.size_bytes = 1
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await project.stub.EvaluateLabel(request, **ANN)
    assert reason(raised.value) == "BLOB_URI_REFUSED"


async def test_findings_are_paged_newest_first(project, predict, reason) -> None:
    events = [predict("topic", "weather", Choice()) for _ in range(7)]
    for event in events:
        await project.publish(event)
    await project.publish(predict("entity", "person", Span(8, 11, "Ann")))
    await project.evaluated(8)
    request = pb2.ListFindingsRequest(parent=PARENT, rule="category_in_ontology", page_size=3)
    seen = []
    while True:
        page = await project.stub.ListFindings(request, **ANN)
        seen += [finding.label for finding in page.findings]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == [event.label.name for event in reversed(events)]
    everything = await project.stub.ListFindings(pb2.ListFindingsRequest(parent=PARENT), **ANN)
    assert len(everything.findings) == 8
    assert everything.findings[0].create_time_us > 0
    request.rule = "span_in_text"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await project.stub.ListFindings(request, **ANN)
    assert (raised.value.code().name, reason(raised.value)) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
    for unknown in ("no_rule", "\0"):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await project.stub.ListFindings(pb2.ListFindingsRequest(parent=PARENT, rule=unknown), **ANN)
        assert (raised.value.code().name, reason(raised.value)) == ("NOT_FOUND", "RULE_UNKNOWN")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await project.stub.ListFindings(pb2.ListFindingsRequest(parent=PARENT, page_size=1001), **ANN)
    assert reason(raised.value) == "PAGE_SIZE_INVALID"


async def test_tenants_do_not_see_each_other(project, predict, reason) -> None:
    event = predict("topic", "weather", Choice())
    await project.publish(event)
    await project.evaluated(1)
    calls = (
        (project.stub.ListRules, pb2.ListRulesRequest(parent=PARENT)),
        (project.stub.UpdateRule, min_area(1.0)),
        (project.stub.ListFindings, pb2.ListFindingsRequest(parent=PARENT)),
        (
            project.stub.EvaluateLabel,
            pb2.EvaluateLabelRequest(parent=PARENT, asset=event.asset, label=event.label),
        ),
    )
    for call, request in calls:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(request, **BOB)
        assert (raised.value.code().name, reason(raised.value)) == ("NOT_FOUND", "PROJECT_UNKNOWN")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(request)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_label_is_not_evaluated_on_another_tenants_text(project, predict, reason) -> None:
    blob = await project.blobs.of("tenant-b").put(b"Bob met Ann.")
    ref = ContentRef(blob.uri, blob.sha256, blob.bytes)
    lost = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, blob.bytes)
    answers = []
    for text_ref in (ref, lost):
        event = predict("entity", "person", Span(0, 3, "Bob"), text_ref=text_ref)
        request = pb2.EvaluateLabelRequest(parent=PARENT, asset=event.asset, label=event.label)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await project.stub.EvaluateLabel(request, **ANN)
        answers.append((raised.value.code().name, reason(raised.value), raised.value.details()))
    assert answers[0] == answers[1] == ("NOT_FOUND", "BLOB_MISSING", "The content is not in the blob store.")


async def test_two_tenants_may_use_the_same_project_id(project, predict) -> None:
    await project.publish(predict("topic", "weather", Choice()))
    await project.evaluated(1)
    other = project.project(tenant="tenant-b")
    other.project.uid = other_uid = "01J8ZC0000000000000000000B"
    await project.publish(other, project_uid=other_uid)
    for _ in range(500):
        try:
            mine = await project.stub.ListFindings(pb2.ListFindingsRequest(parent=PARENT), **BOB)
            break
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.02)
    assert not mine.findings
    theirs = await project.stub.ListFindings(pb2.ListFindingsRequest(parent=PARENT, page_size=1), **ANN)
    assert len(theirs.findings) == 1


async def test_names_and_sizes_are_checked(project, reason) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await project.stub.ListRules(pb2.ListRulesRequest(parent="news"), **ANN)
    assert (raised.value.code().name, reason(raised.value)) == ("INVALID_ARGUMENT", "NAME_INVALID")
