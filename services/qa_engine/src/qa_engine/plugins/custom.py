"""Customers' plugins as rules of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from labels.label import Finding, Severity
from qa_engine.conduct import DAILY_MINUTES
from qa_engine.operation import Judgement, Resolve
from qa_engine.plugins import expression, measures
from qa_engine.plugins.asking import Handed, Outcome, Reply, ask
from qa_engine.plugins.errors import PluginFailed, PluginReplyInvalid, ReplyRefused
from qa_engine.plugins.plugin import HOOK_OF, Hook, Language, Plugin, hook_lines
from qa_engine.plugins.reply import Asked, judgement
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.rule import Item, Need, Rule, Subject, Terms, Unchecked

UNREADABLE = "The picture could not be read, so that the label was not checked by the rule."
HOLDS = "What the project's expression looks for is there."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a plugin says about one label, why it does not where it failed, and what it printed."""

    judgement: Judgement
    failure: PluginFailed | None = None
    said: tuple[str, ...] = ()

    def plus(self, other: "Verdict") -> "Verdict":
        """What two hooks say about the same label."""
        judged = self.judgement.plus(other.judgement)
        return Verdict(judged, self.failure or other.failure, (*self.said, *other.said))


def as_rule(plugin: Plugin, sandbox: Sandbox) -> Rule:
    """The rule that a plugin makes; off until someone enables it."""

    def check(items: Sequence[Item], terms: Terms) -> Sequence[Judgement]:
        return [verdict.judgement for verdict in judge(plugin, sandbox, items, terms)]

    def scheduled(items: Sequence[Item], terms: Terms, time_us: int) -> Sequence[Judgement]:
        return [verdict.judgement for verdict in judge_on_schedule(plugin, sandbox, items, terms, time_us)]

    on_schedule = Hook.ON_SCHEDULE in plugin.hooks
    return Rule(
        plugin.rule_id,
        plugin.severity,
        enabled=False,
        needs=measures.needs(plugin),
        batch_check=check,
        version=max(plugin.revision, 1),
        says=plugin.description or f"The project's own rule {plugin.name}.",
        scheduled=scheduled if on_schedule else None,
        schedule_minutes=DAILY_MINUTES if on_schedule else 0,
    )


def judge(
    plugin: Plugin,
    sandbox: Sandbox,
    items: Sequence[Item],
    terms: Terms,
    *,
    keep_said: bool = False,
) -> list[Verdict]:
    """What a plugin says about each label, in order; a failure is a finding of the label that it failed on."""
    verdicts = [Verdict(Judgement())] * len(items)
    for kind, hook in HOOK_OF.items():
        mine = [place for place, (label, _) in enumerate(items) if label.kind is kind]
        if not mine or hook not in plugin.hooks:
            continue
        some = _seen(plugin, sandbox, hook, [items[place] for place in mine], terms, keep_said)
        for place, verdict in zip(mine, some, strict=True):
            verdicts[place] = verdict
    return verdicts


def judge_on_schedule(
    plugin: Plugin,
    sandbox: Sandbox,
    items: Sequence[Item],
    terms: Terms,
    time_us: int,
    *,
    keep_said: bool = False,
) -> list[Verdict]:
    """What a plugin's on_schedule says about each label at a time in microseconds since the Unix epoch, UTC."""
    return _seen(plugin, sandbox, Hook.ON_SCHEDULE, items, terms, keep_said, time_us)


def _seen(
    plugin: Plugin,
    sandbox: Sandbox,
    hook: Hook,
    items: Sequence[Item],
    terms: Terms,
    keep_said: bool,
    time_us: int | None = None,
) -> list[Verdict]:
    """A verdict about each label; those whose picture is missing are not handed over."""
    blind = Verdict(Judgement((Finding(terms.rule, Severity.ERROR, Unchecked(UNREADABLE)),), failed=True))
    verdicts = [blind] * len(items)
    seen = [place for place, item in enumerate(items) if not _is_blind(plugin, item)]
    some = _ask(plugin, sandbox, hook, [items[place] for place in seen], terms, keep_said, time_us)
    for place, verdict in zip(seen, some, strict=True):
        verdicts[place] = verdict
    return verdicts


def _is_blind(plugin: Plugin, item: Item) -> bool:
    """Whether a picture is missing that the plugin looks at."""
    label, subject = item
    return (
        subject.asset.image_ref is not None
        and subject.picture is None
        and Need.PIXELS in measures.needs(plugin)
        and bool(label.annotations)
    )


def _ask(
    plugin: Plugin,
    sandbox: Sandbox,
    hook: Hook,
    items: Sequence[Item],
    terms: Terms,
    keep_said: bool,
    time_us: int | None,
) -> list[Verdict]:
    fields = measures.labels(items, plugin)
    assets = [measures.asset(subject.asset, _text(subject), plugin) for _, subject in items]
    if plugin.language is Language.CEL:
        return [_express(plugin, label, asset, terms) for label, asset in zip(fields, assets, strict=True)]
    handed: list[Handed] = [
        (label, asset, _facts(plugin, subject) | {"time_us": time_us})
        for label, asset, (_, subject) in zip(fields, assets, items, strict=True)
    ]
    outcomes = ask(sandbox, plugin, hook, handed, keep_said=keep_said)
    return [
        _verdict(plugin, hook, outcome, _asked(item, terms), terms)
        for outcome, item in zip(outcomes, items, strict=True)
    ]


def _facts(plugin: Plugin, subject: Subject) -> measures.Fields:
    known = measures.history(subject.history, plugin)
    if not subject.answers or not plugin.names("answers"):
        return known | {"answers": []}
    theirs = [(answer, replace(subject, picture=None)) for answer in subject.answers]
    return known | {"answers": measures.labels(theirs, plugin)}


def _asked(item: Item, terms: Terms) -> Asked:
    label, subject = item
    return Asked(terms.rule, terms.severity, label, subject.ontology, _text(subject), subject.answers)


def _text(subject: Subject) -> str | None:
    return subject.asset.text if subject.text is None else subject.text


def _verdict(plugin: Plugin, hook: Hook, outcome: Outcome, asked: Asked, terms: Terms) -> Verdict:
    if isinstance(outcome, Reply):
        try:
            return Verdict(_read(outcome.raw, asked, hook), said=outcome.said)
        except ReplyRefused as error:
            line = hook_lines(plugin.code).get(hook, 0)
            failure: PluginFailed = PluginReplyInvalid(plugin.name, line, str(error))
            return replace(_failed(failure, terms), said=outcome.said)
    return _failed(outcome, terms)


def _read(raw: object, asked: Asked, hook: Hook) -> Judgement:
    """Raises ReplyRefused."""
    read = judgement(raw, asked)
    if hook is Hook.ON_SCHEDULE and any(isinstance(op, Resolve) for _, op in read.operations):
        raise ReplyRefused("it resolves answers on a schedule; answers are resolved when the last has come")
    return read


def _failed(failure: PluginFailed, terms: Terms) -> Verdict:
    finding = Finding(terms.rule, Severity.ERROR, Unchecked(str(failure)[:500]))
    return Verdict(Judgement((finding,), failed=True), failure)


def _express(plugin: Plugin, label: measures.Fields, asset: measures.Fields, terms: Terms) -> Verdict:
    try:
        message = plugin.message or HOLDS
        found = tuple(
            terms.finding(message, place) for place in expression.compiled(plugin).places(label, asset)
        )
    except PluginFailed as failure:
        return _failed(failure, terms)
    return Verdict(Judgement(found))


def hooks(plugin: Plugin, sandbox: Sandbox) -> frozenset[Hook]:
    """When a plugin is asked; raises PluginFailed where it cannot be read."""
    if plugin.language is Language.CEL:
        expression.compiled(plugin)
        return expression.HOOKS
    return sandbox.hooks(plugin)
