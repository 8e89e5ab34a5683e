"""`labelmesh rules backtest|enable|apply|runs|cancel|revert`: the life of a rule."""

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from labelmesh.cli import progress
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.cli.rule_settings import Action, Boost, Every, Floor, Params, Pool, changed, found
from labelmesh.cli.rule_tables import action as action_text
from labelmesh.cli.rule_tables import run_view, runs_table
from labelmesh.client import (
    Client,
    Rule,
    RuleMode,
    RuleRun,
    RuleRunKind,
    RuleRunState,
    RunHit,
)
from labels.label import Severity

RuleId = Annotated[str, typer.Argument(metavar="RULE", help="Such as polygon_min_area.")]
RunUid = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, as `labelmesh rules runs` shows it.")
]


def backtest(
    project: ProjectId,
    rule_id: RuleId,
    action: Action = None,
    severity: Annotated[
        Severity | None,
        typer.Option(case_sensitive=False, help="How bad its findings are.", show_default=False),
    ] = None,
    parameters: Params = None,
    boost: Boost = None,
    pool: Pool = None,
    floor: Floor = None,
    every: Every = None,
    seconds: Annotated[
        float,
        typer.Option(
            min=0, max=3600, help="What a person needs for one hit; 0 means what the project's reviews take."
        ),
    ] = 0.0,
    hits: Annotated[int, typer.Option(min=0, max=100, help="Show at most this many hits.")] = 10,
    resume: Annotated[
        str, typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped.")
    ] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Count what a rule would find among the project's labels, and how often it is right. Changes nothing.

    Settings that you leave out are those that the rule has. Ctrl-C leaves the run going;
    --resume RUN watches it again, and continues it where it was stopped.

    [bold]Examples[/bold]

      labelmesh rules backtest parts polygon_min_area
      labelmesh rules backtest parts polygon_min_area --action delete --param min_area_px=8
      labelmesh rules backtest parts polygon_min_area --resume 01JD2M
    """

    async def run(client: Client) -> tuple[RuleRun, list[RunHit]]:
        if resume:
            began = await client.rule_runs.get(project, resume)
            if began.state in (RuleRunState.CANCELLED, RuleRunState.FAILED):
                began = await client.rule_runs.resume(project, resume)
        else:
            rule = found(await client.rules.list(project), rule_id)
            draft = changed(rule, severity, parameters, action, boost, pool, floor, every)
            began = await client.rule_runs.backtest(
                project, replace(draft, enabled=True), seconds_per_hit=seconds
            )
        done = await _watch(client, began)
        sample = [hit async for hit in client.rule_runs.hits(project, done.uid)] if hits else []
        return done, sample[:hits]

    done, sample = call(state_dir, run)
    if as_json:
        print_json({"run": done, "hits": sample})
    else:
        out.print(run_view(done, sample))
    _report(done)


async def _watch(client: Client, run: RuleRun) -> RuleRun:
    """Show a run's progress until it rests; Ctrl-C leaves it going and says so."""
    rule_id = run.rule.id if run.rule else "RULE"
    with progress.items("labels") as bars:
        bar = bars.add_task("looking", total=run.total or None)

        def show(now: RuleRun) -> None:
            bars.update(
                bar, description=f"looking ({now.hits:,} hits)", total=now.total or None, completed=now.looked
            )

        try:
            return await client.rule_runs.wait(run, show)
        except asyncio.CancelledError:
            bars.stop()
            err.print(
                f"The run goes on without this window. Watch it with "
                f"`labelmesh rules backtest {run.project} {rule_id} --resume {run.uid}`, "
                f"end it with `labelmesh rules cancel {run.project} {run.uid}`.",
                soft_wrap=True,
            )
            raise


def _report(run: RuleRun) -> None:
    """Say how a run ended; one that did not finish is an error for scripts."""
    rule_id = run.rule.id if run.rule else "RULE"
    again = f"labelmesh rules backtest {run.project} {rule_id} --resume {run.uid}"
    if run.state is RuleRunState.FAILED:
        raise UserError(
            f"The run failed after {plural(run.looked, 'label')} ({run.error}). Go on with `{again}`."
        )
    if run.state is RuleRunState.CANCELLED:
        raise UserError(f"The run was stopped after {plural(run.looked, 'label')}. Go on with `{again}`.")
    err.print(f"[green]✓[/] Run {run.uid} looked at {plural(run.looked, 'label')}.", soft_wrap=True)
    if run.kind is RuleRunKind.BACKTEST:
        following = f"labelmesh rules enable {run.project} {rule_id} --enforce --backtest {run.uid}"
        err.print(f"Next: {following}", style="dim", soft_wrap=True)


def enable(
    project: ProjectId,
    rule_id: RuleId,
    shadow: Annotated[bool, typer.Option("--shadow", help="Put it on trial: nobody hears of it.")] = False,
    enforce: Annotated[bool, typer.Option("--enforce", help="Report and act on what it finds.")] = False,
    run: Annotated[
        str,
        typer.Option(
            "--backtest", metavar="RUN", help="Take the settings of this backtest. Default: the newest one."
        ),
    ] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Put a rule on trial, or enforce it with the settings of a backtest.

    To be enforced it needs a finished backtest of the same settings; to delete, a precision
    whose lower bound reaches its floor. `labelmesh rules set PROJECT RULE --disable` turns it off.
    A rule with on_schedule is asked at once, and then every so many minutes as --every says.

    [bold]Examples[/bold]

      labelmesh rules enable parts polygon_min_area --shadow
      labelmesh rules enable parts polygon_min_area --enforce
    """
    if shadow == enforce:
        raise UserError("Say how far the rule is to count: one of --shadow and --enforce.")
    mode = RuleMode.SHADOW if shadow else RuleMode.ENFORCE

    async def set_mode(client: Client) -> Rule:
        chosen = run or (await _newest(client, project, rule_id) if enforce else "")
        return await client.rule_runs.set_mode(project, rule_id, mode, backtest=chosen)

    rule = call(state_dir, set_mode)
    if as_json:
        print_json(rule)
        return
    how = "is on trial; its findings are kept apart" if shadow else f"is enforced: {action_text(rule)}"
    out.print(f"{rule.id} {how}.", markup=False)


async def _newest(client: Client, project: str, rule_id: str) -> str:
    """The newest finished backtest of a rule, empty without one."""
    async for run in client.rule_runs.list(project, rule_id):
        if run.kind is RuleRunKind.BACKTEST and run.state is RuleRunState.DONE:
            return run.uid
    return ""


def apply(
    project: ProjectId,
    rule_id: RuleId,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Apply an enforced rule to the labels that are there; `labelmesh rules revert` undoes it.

    [bold]Example[/bold]

      labelmesh rules apply parts polygon_min_area
    """

    async def run(client: Client) -> RuleRun:
        return await _watch(client, await client.rule_runs.enforce(project, rule_id))

    done = call(state_dir, run)
    if as_json:
        print_json(done)
    else:
        out.print(run_view(done, ()))
    _report(done)
    if done.patched:
        err.print(f"Undo: labelmesh rules revert {project} {done.uid}", style="dim", soft_wrap=True)


def runs(
    project: ProjectId,
    rule: Annotated[str, typer.Option(help="Only runs of this rule.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 20,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List backtests, runs on a schedule and what rules changed, newest first."""

    async def newest(client: Client) -> list[RuleRun]:
        shown: list[RuleRun] = []
        async for run in client.rule_runs.list(project, rule):
            shown.append(run)
            if len(shown) == limit:
                break
        return shown

    shown = call(state_dir, newest)
    if as_json:
        print_json(shown)
    else:
        out.print(runs_table(shown) if shown else "No rule has run over the project's labels yet.")


def cancel(project: ProjectId, run: RunUid, state_dir: StateDir = None) -> None:
    """Stop a run; what it counted and changed stays."""
    stopped = call(state_dir, lambda client: client.rule_runs.cancel(project, run))
    out.print(f"Run {stopped.uid} stopped after {plural(stopped.looked, 'label')}.", markup=False)


def revert(
    project: ProjectId,
    run: RunUid,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Undo what a run changed: labels that still stand as it left them get their former claims back.

    Labels that a person has changed since, or is at work on, are left as they are.

    [bold]Example[/bold]

      labelmesh rules revert parts 01JD2M
    """
    if not yes and not as_json:
        now = call(state_dir, lambda client: client.rule_runs.get(project, run))
        typer.confirm(f"Undo the changes that run {run} asked of {plural(now.patched, 'label')}?", abort=True)
    undone = call(state_dir, lambda client: client.rule_runs.revert(project, run))
    if as_json:
        print_json(undone)
        return
    out.print(f"Run {undone.uid} is being undone; the labels follow in a moment.", markup=False)


def commands(app: typer.Typer) -> None:
    """Add the commands to `labelmesh rules`."""
    for command in (backtest, enable, apply, runs, cancel, revert):
        app.command(command.__name__)(command)
