"""Rules and their settings on the wire."""

from dataclasses import replace

from labelmesh.qa.v1 import rule_service_pb2 as pb2
from labels.errors import FindingInvalid
from labels.proto import severity_from_pb, severity_to_pb
from qa_engine.conduct import FLAGS, Action, Conduct, Mode
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.rule import AnyParameter, Rule, Ruleset, Settings, TextParameter, Value

_MODES = {pb2.RuleMode.Value(f"RULE_MODE_{mode}"): mode for mode in Mode}
_ACTIONS = {pb2.RuleAction.Value(f"RULE_ACTION_{action}"): action for action in Action}


def rule_to_pb(rule: Rule, ruleset: Ruleset) -> pb2.Rule:
    """A rule and the settings that hold."""
    return with_settings_to_pb(rule, rule.settings(ruleset), custom=rule in ruleset.custom)


def with_settings_to_pb(rule: Rule, settings: Settings, *, custom: bool) -> pb2.Rule:
    """A rule and settings of it; `custom` says whether it is the project's own."""
    return pb2.Rule(
        id=rule.id,
        description=rule.description,
        enabled=settings.enabled,
        severity=severity_to_pb(settings.severity),
        parameters=[parameter_to_pb(p, settings.parameters[p.name]) for p in rule.parameters],
        mode=pb2.RuleMode.Value(f"RULE_MODE_{settings.mode}"),
        action=pb2.RuleAction.Value(f"RULE_ACTION_{settings.conduct.action}"),
        route_boost=settings.conduct.route_boost,
        route_pool=settings.conduct.route_pool,
        precision_floor=settings.conduct.precision_floor,
        version=rule.version,
        custom=custom,
        fixable=rule.fix is not None,
        schedule_minutes=settings.conduct.schedule_minutes if rule.scheduled is not None else None,
    )


def parameter_to_pb(parameter: AnyParameter, value: Value) -> pb2.RuleParameter:
    """A parameter and what it is set to."""
    pb = pb2.RuleParameter(name=parameter.name, description=parameter.description)
    if isinstance(value, tuple):
        pb.kind = pb2.RULE_PARAMETER_KIND_TEXTS
        pb.texts.extend(value)
    else:
        pb.kind = pb2.RULE_PARAMETER_KIND_NUMBER
        pb.value = value
    return pb


def settings_from_pb(pb: pb2.Rule, rule: Rule, before: Settings) -> Settings:
    """Settings after a change; callers that know neither modes nor actions leave them as they were.

    Raises RuleSettingsInvalid without a severity or when a parameter comes twice.
    """
    taking_texts = {parameter.name for parameter in rule.parameters if isinstance(parameter, TextParameter)}
    parameters: dict[str, Value] = {
        p.name: tuple(p.texts) if p.name in taking_texts or p.texts else p.value for p in pb.parameters
    }
    if len(parameters) < len(pb.parameters):
        raise RuleSettingsInvalid("A parameter of the rule is given twice.")
    try:
        severity = severity_from_pb(pb.severity)
    except FindingInvalid:
        raise RuleSettingsInvalid("A rule needs a severity.") from None
    settings = Settings(pb.enabled, severity, parameters, _conduct_from_pb(pb, before.conduct))
    return settings.in_mode(_mode_from_pb(pb, before.mode))


def _mode_from_pb(pb: pb2.Rule, before: Mode) -> Mode:
    """The mode that is asked for; `enabled` counts where the mode is left out, or handed back as it was read."""
    handed_back = _MODES.get(pb.mode) is before and pb.enabled != (before is not Mode.DISABLED)
    if pb.mode in _MODES and not handed_back:
        return _MODES[pb.mode]
    if not pb.enabled:
        return Mode.DISABLED
    return Mode.ENFORCE if before is Mode.DISABLED else before


def mode_said(pb: pb2.Rule, before: Settings) -> bool:
    """Whether ENFORCE is asked for by that name, of a rule that is not enforced."""
    return _MODES.get(pb.mode) is Mode.ENFORCE and before.mode is not Mode.ENFORCE


def mode_from_pb(mode: "pb2.RuleMode.ValueType") -> Mode:
    """Raises RuleSettingsInvalid where it is not said."""
    if mode not in _MODES:
        raise RuleSettingsInvalid("A mode must be said: DISABLED, SHADOW or ENFORCE.")
    return _MODES[mode]


def _conduct_from_pb(pb: pb2.Rule, before: Conduct) -> Conduct:
    minutes = pb.schedule_minutes if pb.HasField("schedule_minutes") else before.schedule_minutes
    if pb.action not in _ACTIONS:
        return replace(before, schedule_minutes=minutes)
    floor = pb.precision_floor if pb.HasField("precision_floor") else FLAGS.precision_floor
    return Conduct(before.shadow, _ACTIONS[pb.action], pb.route_boost, pb.route_pool, floor, minutes)
