"""How a queue's policy and a watched queue look in a terminal."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from labelmesh.cli.console import bar, plural, state, table
from labelmesh.client import QueuePolicy, QueueView

_DAY = 24.0


def policy(project: str, found: QueuePolicy) -> RenderableType:
    """The policy in sentences, then pools with their members and routes."""
    made = table("of a task", "rule")
    for name, rule in (
        ("answers", _answers(found)),
        ("check", "a label needs another person's accept" if found.four_eyes else "nobody checks an answer"),
        ("escalation", f"to {found.escalation_pool}" if found.escalation_pool else "to a pool that is named"),
        ("deadline", _deadline(found)),
        ("lease", f"{found.lease_seconds or 600:,} s, unless one says otherwise"),
        ("sent back", f"waits {_hours(found.send_back_hours)} for its person, then it is for others"),
        (
            "this policy",
            f"changed by {', '.join(found.managers)} alone" if found.managers else "changed by anyone",
        ),
    ):
        made.add_row(name, rule)
    parts: list[RenderableType] = [Text.assemble(("queue of ", "dim"), (project, "bold cyan")), made]
    if found.pools:
        parts.append(_pools(found))
    return Group(*parts)


def _answers(found: QueuePolicy) -> str:
    if found.max_answers == 1:
        return "one person's"
    more = f", up to {found.max_answers} while they do not agree" if found.max_answers > found.answers else ""
    return f"{found.answers} people's, each without the others'{more}"


def _deadline(found: QueuePolicy) -> str:
    if not found.sla_hours:
        return "none"
    anyone = f"; {found.sla_pool} may take them from any pool" if found.sla_pool else ""
    return f"after {_hours(found.sla_hours)} they come before all others{anyone}"


def _hours(hours: float) -> str:
    return f"{hours / _DAY:g} days" if hours >= 2 * _DAY and hours % _DAY == 0 else f"{hours:g} h"


def _pools(found: QueuePolicy) -> RenderableType:
    made = table("pool", "who", "what is sent there")
    for pool in found.pools:
        filters = [route.filter for route in found.routes if route.pool == pool.name]
        made.add_row(
            Text(pool.name, style="bold"),
            ", ".join(pool.members) or Text("anyone", style="dim"),
            "\n".join(filters) or Text("by rules and people", style="dim"),
        )
    return made


def view(project: str, found: QueueView, before: QueueView | None) -> RenderableType:
    """Counts with their change, and the first tasks; new ones are marked."""
    when = datetime.fromtimestamp(found.time_us / 1e6).astimezone()
    counts = table("state", "tasks", "", "", right=("tasks",))
    total = found.counts.total or 1
    for name in ("waiting", "open", "leased", "done"):
        n = getattr(found.counts, name)
        change = n - getattr(before.counts, name) if before else 0
        mark = Text(f"{change:+,}" if change else "", style="green" if change > 0 else "yellow")
        counts.add_row(state(name.upper()), f"{n:,}", mark, Text(bar(n / total, 24), style="cyan"))
    known = {entry.task_uid for entry in before.head} if before else set()
    first = table("", "priority", "key", "pool", right=("priority",))
    for entry in found.head:
        new = before is not None and entry.task_uid not in known
        first.add_row(Text("+" if new else "", style="green"), f"{entry.priority:.3f}", entry.key, entry.pool)
    title = Text.assemble(
        (project, "bold cyan"), (f"  {when:%H:%M:%S}  {plural(found.counts.total, 'task')}", "dim")
    )
    return Group(title, counts, first if found.head else Text("Nothing is open.", style="dim"))
