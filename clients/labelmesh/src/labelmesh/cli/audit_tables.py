"""How policies, thresholds, certificates and gold look on a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from labelmesh.cli.console import bar, captioned, plural, table, when
from labelmesh.client import (
    AcceptancePolicy,
    AnnotatorQuality,
    AssuranceCounts,
    AssuranceStatus,
    Certificate,
    GoldSet,
    ThresholdFit,
)

_STAGES = {
    "ASSISTED": ("yellow", "people decide, nothing is accepted unseen"),
    "MIXED": ("cyan", "thresholds decide, many audits"),
    "AUTO": ("green", "thresholds decide, few audits"),
}
_PLACES = (
    ("reviewed", "reviewed by people", "green"),
    ("audited", "audited by people, drawn at random", "green"),
    ("audits_waiting", "drawn, waiting for an answer", "yellow"),
    ("auto_accepted", "accepted unseen", "cyan"),
    ("rejected", "rejected as impossible", "dim"),
    ("deferred", "left to people, waiting", "yellow"),
)


def percent(share: float) -> str:
    """`1.03 %`; three digits where it is small."""
    return f"{share:.2%}" if share >= 0.001 or not share else f"{share:.3%}"


def stage_line(project: str, stage: str) -> Text:
    """The stage and what it means."""
    style, means = _STAGES[stage]
    return Text.assemble((project, "bold"), "  ", (stage, f"bold {style}"), "  ", (means, "dim"))


def status(project: str, found: AssuranceStatus) -> RenderableType:
    """Everything on one screen."""
    parts: list[RenderableType] = [stage_line(project, found.stage)]
    if found.stage_reason:
        parts.append(Text(f"{found.stage_reason}  (since {when(found.stage_time_us)})", style="dim"))
    parts += [Text(), counts(found.counts)]
    if found.policy is None:
        parts += [Text(), Text(f"No policy yet; `labelmesh audit policy {project}` sets one.", style="dim")]
        return Group(*parts)
    parts += [Text(), policy(found.policy)]
    alarm = (
        f"If errors rise to three times the target, automation ends itself within"
        f" {plural(found.items_until_alarm, 'audited label')} (95 %)."
    )
    parts.append(Text(alarm, style="dim"))
    if found.fit is not None:
        parts += [Text(), fit(found.fit)]
    if found.certificate is not None:
        parts += [Text(), certificate_line(found.certificate)]
    return Group(*parts)


def counts(found: AssuranceCounts) -> RenderableType:
    """Where the tasks stand, all of them."""
    made = table("tasks", "", "share", "", right=("tasks", "share"))
    for name, means, style in _PLACES:
        n = getattr(found, name)
        share = n / found.total if found.total else 0.0
        made.add_row(f"{n:,}", Text(means, style=style), f"{share:.1%}", Text(bar(share, 24), style=style))
    return captioned(made, f"{plural(found.total, 'task')} in all")


def policy(found: AcceptancePolicy) -> RenderableType:
    """The promise in a sentence, then its numbers."""
    promise = Text.assemble(
        "At most ",
        (percent(found.target_error), "bold"),
        " of what is accepted unseen is wrong, with a chance of ",
        (f"{1 - found.delta:.0%}", "bold"),
        "." if found.slice_by == "NONE" else f", in each slice by {found.slice_by.lower()}.",
    )
    rates = (
        f"audits {found.audit_rate:.1%} ({found.mixed_audit_rate:.0%} before AUTO) · "
        f"{found.check_share:.0%} of leases are checks · at least {found.n_min:,} answers a slice · "
        f"exports {'hold' if found.export_auto_accepted else 'leave out'} what was accepted unseen · "
        f"revision {found.revision}"
    )
    return Group(promise, Text(rates, style="dim"))


def fit(found: ThresholdFit) -> RenderableType:
    """Slice by slice: the threshold, its evidence, and the audits since."""
    numbers = ("threshold", "sample", "wrong", "at most", "audits", "of them wrong", "bound")
    made = table("slice", *numbers, right=numbers)
    for s in sorted(found.slices, key=lambda s: (s.threshold is None, -s.sample)):
        none = s.threshold is None
        made.add_row(
            Text(s.slice, style="dim" if none else "bold"),
            Text(
                "people" if s.threshold is None else f"≥ {s.threshold:g}", style="yellow" if none else "green"
            ),
            f"{s.sample:,}",
            f"{s.errors:,} / {s.n:,}" if s.n else "-",
            percent(s.upper_bound) if s.n else "-",
            f"{s.watched:,}",
            f"{s.watched_errors:,}" if s.watched else "-",
            percent(s.watched_upper_bound) if s.watched else "-",
        )
    force = "in force" if found.in_force else "not in force"
    waits = f" · {found.pending:,} drawn items wait" if found.pending else ""
    return captioned(
        made, f"fit {found.number}, {force}, {when(found.create_time_us)} · {found.method}{waits}"
    )


def certificate_line(found: Certificate) -> Text:
    """The newest certificate in a line."""
    verdict = ("within the target", "green") if found.within_target else ("above the target", "bold red")
    return Text.assemble(
        ("certificate ", "dim"),
        found.name.rpartition("/")[2],
        f"  at most {percent(found.error_upper_bound)} wrong, ",
        verdict,
        (f"  {when(found.create_time_us)}", "dim"),
    )


def certificate(found: Certificate) -> RenderableType:
    """A certificate as a document."""
    n = found.counts.auto_accepted
    bound = (
        Text("Nothing was accepted unseen; people stand behind every label.")
        if not n
        else Text.assemble(
            "Of ",
            (plural(n, "label"), "bold"),
            " accepted unseen at most ",
            (percent(found.error_upper_bound), "bold green" if found.within_target else "bold red"),
            f" are wrong, with {found.confidence:.0%} confidence (target {percent(found.target_error)}).",
        )
    )
    audits = (
        f"{found.audit_errors:,} of {plural(found.audit_n, 'audited label')} wrong: at most "
        f"{percent(found.audit_upper_bound)} by the audits at every look, "
        f"{percent(found.single_look_upper_bound)} for a single look"
    )
    lines: list[RenderableType] = [
        Text.assemble(("Certificate ", "bold"), (found.name, "bold cyan")),
        Padding(bound, (1, 0)),
        counts(found.counts),
        Text(),
    ]
    if n:
        lines.append(Text(audits if found.audit_n else "No audit was answered since.", style="dim"))
    policy_said = f"policy revision {found.policy_revision}, stage {found.stage}"
    lines.append(
        Text(f"{found.method} · {policy_said} · {when(found.create_time_us)} · {found.actor}", style="dim")
    )
    return Group(*lines)


def certificates(found: Sequence[Certificate]) -> RenderableType:
    """Certificates, one a line."""
    numbers = ("accepted", "audits", "wrong", "at most", "target")
    made = table("certificate", "issued", "stage", *numbers, "", right=numbers)
    for each in found:
        made.add_row(
            each.name.rpartition("/")[2],
            when(each.create_time_us),
            each.stage,
            f"{each.counts.auto_accepted:,}",
            f"{each.audit_n:,}",
            f"{each.audit_errors:,}",
            percent(each.error_upper_bound),
            percent(each.target_error),
            Text("within", style="green") if each.within_target else Text("above", style="bold red"),
        )
    return made


def gold_sets(found: Sequence[GoldSet]) -> RenderableType:
    """Gold sets, one a line."""
    made = table(
        "gold set", "items", "answered", "", "revision", "made", right=("items", "answered", "revision")
    )
    for each in found:
        share = each.answered / each.items if each.items else 0.0
        made.add_row(
            Text.assemble((each.id, "bold"), f"  {each.display_name}" if each.display_name else ""),
            f"{each.items:,}",
            f"{each.answered:,}",
            Text(bar(share, 12), style="green"),
            f"{each.revision:,}",
            when(each.create_time_us),
        )
    return made


def annotators(found: Sequence[AnnotatorQuality]) -> RenderableType:
    """Reviewers on gold, the surest first."""
    numbers = ("right", "of", "accuracy", "95 % interval", "at least")
    made = table("reviewer", *numbers, "", right=numbers)
    for each in sorted(found, key=lambda q: -q.lower_bound):
        rate = each.accuracy
        made.add_row(
            Text(each.reviewer, style="bold"),
            f"{rate.k:,}",
            f"{rate.n:,}",
            f"{rate.value:.1%}",
            f"{rate.lower:.1%} – {rate.upper:.1%}",
            f"{each.lower_bound:.1%}",
            Text(bar(rate.value, 16), style="cyan"),
        )
    return captioned(made, "`at least`: what the answers prove, at 95 %")
