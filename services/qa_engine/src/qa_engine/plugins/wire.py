"""Plugins, tests and what came of them to and from protobuf."""

import json
from collections.abc import Iterable, Sequence

from chassis.errors import reason
from labelmesh.qa.v1 import plugin_service_pb2 as pb2
from labels.errors import FindingInvalid
from labels.label import Severity
from labels.names import parse
from labels.ontology import Ontology
from labels.proto import (
    annotation_to_pb,
    asset_from_pb,
    asset_to_pb,
    correction_op_to_pb,
    finding_to_pb,
    label_from_pb,
    label_to_pb,
    severity_from_pb,
    severity_to_pb,
)
from qa_engine.operation import Block, Change, Emit, Operation, Resolve, Route
from qa_engine.plugins.errors import PluginFailed, PluginInvalid, PluginNameInvalid
from qa_engine.plugins.plugin import MAX_DESCRIPTION, Language, Plugin, check_name
from qa_engine.plugins.store import Stored
from qa_engine.plugins.trial import MAX_ANSWERS, MAX_TESTS, MAX_TESTS_BYTES, Case, Result
from qa_engine.rule import Subject

PLUGIN = "projects/{}/plugins/{}"
_LANGUAGES = {pb2.PLUGIN_LANGUAGE_PYTHON: Language.PYTHON, pb2.PLUGIN_LANGUAGE_CEL: Language.CEL}
_NUMBERS = {language: number for number, language in _LANGUAGES.items()}
_MAX_NAME = 200


def parse_plugin(name: str) -> tuple[str, str]:
    """Project id and plugin's name of `projects/{project}/plugins/{plugin}`.

    Raises NameInvalid or PluginNameInvalid.
    """
    project_id, plugin = parse(name, PLUGIN)
    check_name(plugin)
    return project_id, plugin


def plugin_from_pb(pb: pb2.Plugin, project_id: str) -> Plugin:
    """What a caller may say of a plugin; raises NameInvalid, PluginNameInvalid or PluginInvalid."""
    theirs, name = parse_plugin(pb.name)
    if theirs != project_id:
        raise PluginNameInvalid("The plugin's name is that of another project.")
    if pb.language not in _LANGUAGES:
        raise PluginInvalid(name, 1, "its language is neither PYTHON nor CEL")
    for what, text in (("description", pb.description), ("message", pb.message)):
        if len(text) > MAX_DESCRIPTION or any(ord(character) < 32 for character in text):
            raise PluginInvalid(
                name, 1, f"its {what} is not one line of at most {MAX_DESCRIPTION} characters"
            )
    try:
        severity = severity_from_pb(pb.severity)
    except FindingInvalid:
        severity = Severity.WARNING
    return Plugin(name, _LANGUAGES[pb.language], pb.code, pb.description, pb.message, severity)


def plugin_to_pb(plugin: Plugin, project_id: str, tests: bytes = b"") -> pb2.Plugin:
    """A plugin that need not be stored."""
    pb = pb2.Plugin(
        name=f"projects/{project_id}/plugins/{plugin.name}",
        language=_NUMBERS[plugin.language],
        code=plugin.code,
        description=plugin.description,
        message=plugin.message,
        severity=severity_to_pb(plugin.severity),
        hooks=sorted(plugin.hooks),
        rule=plugin.rule_id,
        revision=plugin.revision,
    )
    # Serialised as the plugin that only has tests.
    pb.MergeFromString(tests)
    return pb


def stored_to_pb(stored: Stored, project_id: str) -> pb2.Plugin:
    """A stored plugin."""
    pb = plugin_to_pb(stored.plugin, project_id, stored.tests)
    pb.etag, pb.author = stored.etag if stored.create_time_us else "", stored.author
    pb.create_time_us, pb.update_time_us = stored.create_time_us, stored.update_time_us
    return pb


def tests_to_bytes(tests: Sequence[pb2.PluginTest], plugin: str) -> bytes:
    """Tests as they are stored; raises PluginInvalid when they are too many or too large."""
    data = pb2.Plugin(tests=tests).SerializeToString()
    if len(tests) > MAX_TESTS or len(data) > MAX_TESTS_BYTES:
        raise PluginInvalid(plugin, 1, f"its tests are more than {MAX_TESTS} or {MAX_TESTS_BYTES:,} bytes")
    return data


def tests_of(stored: Stored) -> Sequence[pb2.PluginTest]:
    """The stored tests."""
    return pb2.Plugin.FromString(stored.tests).tests


def cases_from_pb(tests: Sequence[pb2.PluginTest], ontology: Ontology, plugin: str) -> list[Case]:
    """Raises PluginInvalid, or LabelError for an asset or label that is not valid."""
    if len(tests) > MAX_TESTS:
        raise PluginInvalid(plugin, 1, f"its tests are more than {MAX_TESTS}")
    return [_case(pb, place, ontology, plugin) for place, pb in enumerate(tests, 1)]


def _case(pb: pb2.PluginTest, place: int, ontology: Ontology, plugin: str) -> Case:
    if len(pb.answers) > MAX_ANSWERS or len(pb.name) > _MAX_NAME:
        raise PluginInvalid(plugin, 1, f"test {place} has too many answers or too long a name")
    subject = Subject(ontology, asset_from_pb(pb.asset), answers=tuple(map(label_from_pb, pb.answers)))
    expected = pb.expected if pb.HasField("expected") else None
    return Case(pb.name or f"test {place}", label_from_pb(pb.label), subject, expected)


def case_to_pb(case: Case, project_id: str) -> pb2.PluginTest:
    """A case on the wire."""
    return pb2.PluginTest(
        name=case.name,
        asset=asset_to_pb(case.subject.asset, project_id),
        label=label_to_pb(case.label, project_id),
        answers=[label_to_pb(answer, project_id) for answer in case.subject.answers],
        expected=case.expected,
    )


def results_to_pb(results: Iterable[Result]) -> list[pb2.PluginTestResult]:
    """What became of cases."""
    return [_result(result) for result in results]


def _result(result: Result) -> pb2.PluginTestResult:
    verdict = result.verdict
    return pb2.PluginTestResult(
        name=result.case.name,
        findings=map(finding_to_pb, verdict.judgement.findings) if verdict.failure is None else (),
        operations=[operation_to_pb(operation) for _, operation in verdict.judgement.operations],
        printed=verdict.said,
        error=error_to_pb(verdict.failure) if verdict.failure is not None else None,
        passed=result.passed,
    )


def operation_to_pb(operation: Operation) -> pb2.PluginOperation:
    """What a plugin asks for."""
    match operation:
        case Change(op):
            return pb2.PluginOperation(change=correction_op_to_pb(op))
        case Route(boost, pool):
            return pb2.PluginOperation(route=pb2.PluginRoute(boost=boost, pool=pool))
        case Block():
            return pb2.PluginOperation(block=pb2.PluginBlock())
        case Resolve(annotations):
            claims = map(annotation_to_pb, annotations)
            return pb2.PluginOperation(resolve=pb2.PluginResolve(annotations=claims))
        case Emit(topic, fields):
            told = {name: json.dumps(value) for name, value in fields.items()}
            return pb2.PluginOperation(emit=pb2.PluginEmit(topic=topic, fields_json=told))


def error_to_pb(failure: PluginFailed) -> pb2.PluginError:
    """Why a plugin failed."""
    return pb2.PluginError(
        reason=reason(type(failure)), message=str(failure), line=failure.line, kind=failure.kind
    )
