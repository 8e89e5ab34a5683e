"""SQL of changing how a project uses a rule, and of what must be there before a rule may count."""

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from qa_engine import projects
from qa_engine.conduct import Mode
from qa_engine.life import run, runs, scheduling
from qa_engine.projects import Project
from qa_engine.rule import Rule, Ruleset, Settings


async def change(
    conn: AsyncConnection, project: Project, rule: Rule, change: Settings, *, said: bool
) -> Ruleset:
    """Change a rule in a project; parameters left out keep their value. Returns what holds now.

    The revision grows only when something changed. `said` asks for a backtest of whatever is enforced; without it only
    a project's own rules and those that change labels need one. Raises ProjectUnknown, RuleSettingsInvalid,
    BacktestMissing, BacktestFailed or PrecisionTooLow.
    """
    # Held, so that two changes cannot cross.
    held = await projects.by_id(conn, project.tenant, project.id, lock=True)
    # A project's own rule may have changed since it was read, and a backtest speaks of one revision of it only.
    own = next((one for one in held.ruleset.custom if one.id == rule.id), None)
    rule = own or rule
    before = rule.settings(held.ruleset)
    after = rule.change(before, change)
    if after == before:
        return held.ruleset
    strict = said or own is not None or after.conduct.action.changes_labels
    if strict and after.mode is Mode.ENFORCE:
        terms = run.terms(rule, after)
        backtest = await runs.backtest(conn, held.uid, rule.id, terms)
        run.check_enforce(after, backtest, own=own is not None)
    await scheduling.put(conn, held.uid, rule, after, now_us())
    return await projects.put_rule(conn, held, rule, after)
