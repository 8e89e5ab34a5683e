"""Plugins to and from protobuf."""

import json

from labelmesh.client.plugin import Plugin, PluginError, PluginLanguage, PluginOutcome, PluginTest
from labelmesh.qa.v1 import plugin_service_pb2 as pb2
from labels.correction import Add, CorrectionOp, Delete, Relabel, Resize
from labels.proto import (
    asset_from_pb,
    asset_to_pb,
    correction_op_from_pb,
    finding_from_pb,
    label_from_pb,
    label_to_pb,
    severity_from_pb,
    severity_to_pb,
)

_LANGUAGES = {
    PluginLanguage.PYTHON: pb2.PLUGIN_LANGUAGE_PYTHON,
    PluginLanguage.CEL: pb2.PLUGIN_LANGUAGE_CEL,
}
_NAMES = {number: language for language, number in _LANGUAGES.items()}


def plugin_name(project: str, name: str) -> str:
    """`projects/{project}/plugins/{name}`."""
    return f"projects/{project}/plugins/{name}"


def plugin_from_pb(pb: pb2.Plugin) -> Plugin:
    """A plugin as the server returns it."""
    return Plugin(
        name=pb.name.rpartition("/")[2],
        language=_NAMES.get(pb.language, PluginLanguage.PYTHON),
        code=pb.code,
        description=pb.description,
        message=pb.message,
        severity=severity_from_pb(pb.severity),
        tests=tuple(map(_test_from_pb, pb.tests)),
        hooks=tuple(pb.hooks),
        rule=pb.rule,
        revision=pb.revision,
        etag=pb.etag,
        author=pb.author,
        create_time_us=pb.create_time_us,
        update_time_us=pb.update_time_us,
    )


def plugin_to_pb(plugin: Plugin, project: str) -> pb2.Plugin:
    """A plugin as the server takes it."""
    return pb2.Plugin(
        name=plugin_name(project, plugin.name),
        language=_LANGUAGES[plugin.language],
        code=plugin.code,
        description=plugin.description,
        message=plugin.message,
        severity=severity_to_pb(plugin.severity),
        tests=[test_to_pb(test, project) for test in plugin.tests],
        etag=plugin.etag,
    )


def _test_from_pb(pb: pb2.PluginTest) -> PluginTest:
    expected = pb.expected if pb.HasField("expected") else None
    answers = tuple(map(label_from_pb, pb.answers))
    return PluginTest(pb.name, asset_from_pb(pb.asset), label_from_pb(pb.label), answers, expected)


def test_to_pb(test: PluginTest, project: str) -> pb2.PluginTest:
    """A test on the wire."""
    return pb2.PluginTest(
        name=test.name,
        asset=asset_to_pb(test.asset, project),
        label=label_to_pb(test.label, project),
        answers=[label_to_pb(answer, project) for answer in test.answers],
        expected=test.expected,
    )


def outcome_from_pb(pb: pb2.PluginTestResult) -> PluginOutcome:
    """What became of a test."""
    return PluginOutcome(
        pb.name,
        pb.passed,
        tuple(map(finding_from_pb, pb.findings)),
        tuple(map(_said, pb.operations)),
        tuple(pb.printed),
        error_from_pb(pb.error) if pb.HasField("error") else None,
    )


def error_from_pb(pb: pb2.PluginError) -> PluginError:
    """Why a plugin failed."""
    return PluginError(pb.reason, pb.message, pb.line, pb.kind)


def _said(pb: pb2.PluginOperation) -> str:
    """An operation as a person reads it."""
    match pb.WhichOneof("operation"):
        case "change":
            return _changed(correction_op_from_pb(pb.change))
        case "route":
            return f"route to {pb.route.pool or 'anyone'}, priority + {pb.route.boost:g}"
        case "block":
            return "block"
        case "resolve":
            return f"resolve to {len(pb.resolve.annotations)} annotations"
        case "emit":
            fields = {name: json.loads(value) for name, value in sorted(pb.emit.fields_json.items())}
            return f"emit {pb.emit.topic} {json.dumps(fields, ensure_ascii=False)}"
        case other:
            return str(other)


def _changed(op: CorrectionOp) -> str:
    match op:
        case Add(annotation):
            return f"add {annotation.tool} {annotation.category}"
        case Delete(annotation_id):
            return f"delete {annotation_id}"
        case Relabel(annotation_id, category):
            return f"relabel {annotation_id} as {category}"
        case Resize(annotation_id, value):
            return f"resize {annotation_id} to another {type(value).__name__.lower()}"
