"""Several people's answers through the whole line: leased, answered, compared, agreed on, and told to the outside."""

from dataclasses import replace

from labelmesh.client.agreed import ConsensusMethod, ConsensusPolicy
from labelmesh.client.plugin import Plugin, PluginLanguage
from labelmesh.client.queue_policy import Pool, QueuePolicy
from labelmesh.client.rule import RuleAction, RuleMode
from labelmesh.client.webhook import Webhook

from .conftest import Endpoint, Line, topics

THREE = QueuePolicy(answers=3, max_answers=4, pools=(Pool("seniors", ("eve",)),), escalation_pool="seniors")

ANN_IS_RIGHT = """
def on_review(label, asset, facts):
    everyone = facts.answers + [label]
    if len(everyone) < 3:
        return None
    rejected = [a for a in everyone if not a.uid]
    for answer in everyone:
        if answer.author == "ann" and not rejected:
            return [resolve(answer.annotations), emit("ruled", answers=len(everyone))]
    return None
"""


async def enforce(line: Line) -> str:
    """Have the project's own rule fix labels; its id."""
    code = Plugin("ann_is_right", PluginLanguage.PYTHON, ANN_IS_RIGHT)
    made = await line.ann.plugins.create(line.project, code)
    (rule,) = [r for r in await line.ann.rules.list(line.project) if r.id == made.rule]
    wanted = replace(rule, enabled=True, mode=RuleMode.ENFORCE, action=RuleAction.FIX)
    run = await line.ann.rule_runs.wait(await line.ann.rule_runs.backtest(line.project, wanted))
    await line.ann.rule_runs.set_mode(line.project, rule.id, RuleMode.ENFORCE, backtest=run.uid)
    return rule.id


async def test_what_three_people_agree_on_ends_the_task(line: Line, endpoint: Endpoint) -> None:
    await line.create("one")
    await line.ann.queue.set_policy(line.project, THREE)
    await line.ann.webhooks.create(line.project, Webhook(endpoint.url, ("consensus.*", "label.reviewed")))
    for who, topic in (("ann", "sport"), ("bob", "politics"), ("cem", "sport")):
        await line.answer(who, "one", topic)
    task = await line.done("one")
    assert topics(task) == ["sport"]
    assert (task.label.author, task.reviewer) == ("consensus", "consensus")
    (result,) = [r async for r in line.ann.consensus.results(line.project)]
    assert [(d.category, d.support, d.answers) for d in result.disputes] == [("politics", 1, 3)]
    told = await endpoint.told(5)
    (data,) = [one["data"] for one in told if one["type"] == "consensus.resolved"]
    assert (data["agreed"], data["method"], data["label"]) == (True, "POOLED", "")
    assert data["asset"] == f"projects/{line.project}/assets/{task.asset.uid}"
    assert (len(data["answers"]), round(data["agreement"], 3)) == (3, 0.333)
    reviewed = {one["data"]["reviewer"]: one["data"]["label"] for one in told if "reviewer" in one["data"]}
    assert set(reviewed) == {"ann", "bob", "cem", "consensus"}
    assert reviewed["consensus"].endswith(task.label.uid)


async def test_where_people_differ_one_more_is_asked_and_then_the_escalation_pool(
    line: Line, endpoint: Endpoint
) -> None:
    await line.create("two")
    await line.ann.queue.set_policy(line.project, THREE)
    await line.ann.webhooks.create(line.project, Webhook(endpoint.url, ("consensus.resolved",)))
    for who, topic in (("ann", "sport"), ("bob", "politics"), ("cem", "culture")):
        await line.answer(who, "two", topic)
    doubtful = await line.task_when("two", lambda task: task.answers_wanted == 4)
    assert (doubtful.answers, doubtful.terms.disagreement) == (3, 1.0)
    assert await line.lease("cem", "two") is None
    await line.answer("dan", "two", "sport")
    sent = await line.task_when("two", lambda task: task.sent is not None)
    assert (sent.pool, sent.sent.by, sent.sent.reason) == ("seniors", "consensus", "4 people do not agree.")
    assert await line.lease("dan", "two") is None
    await line.answer("eve", "two", "culture")
    task = await line.done("two")
    assert (topics(task), task.label.author) == (["culture"], "eve")
    assert [told["data"]["agreed"] for told in await endpoint.told(2)] == [False, False]


async def test_a_projects_own_rule_says_what_the_answers_come_to(line: Line, endpoint: Endpoint) -> None:
    await line.create("three", "four")
    await line.ann.queue.set_policy(line.project, THREE)
    await enforce(line)
    await line.ann.webhooks.create(line.project, Webhook(endpoint.url, ("consensus.*", "rule.*")))

    for who, topic in (("ann", "sport"), ("bob", "politics"), ("cem", "politics")):
        await line.answer(who, "three", topic)
    task = await line.done("three")
    assert (topics(task), task.label.author) == (["sport"], "consensus")
    told = {one["type"]: one["data"] for one in await endpoint.told(2)}
    assert told["consensus.resolved"]["method"] == "rule:plugin_ann_is_right"
    assert round(told["consensus.resolved"]["agreement"], 3) == 0.333
    assert told["rule.ruled"]["fields"] == {"answers": 3}
    # Where the rule says nothing, and the last rejects, so that no rule is asked, people are counted.
    for who, topic in (("bob", "culture"), ("cem", "culture")):
        await line.answer(who, "four", topic)
    lease = await line.lease("dan", "four")
    await line.people["dan"].queue.reject(lease, "Nothing to see.")
    assert topics(await line.done("four")) == ["culture"]


async def test_as_many_are_asked_as_an_asset_needs(line: Line) -> None:
    await line.create("five", "six")
    await line.ann.queue.set_policy(line.project, QueuePolicy(answers=2, max_answers=4))
    await line.ann.consensus.set_policy(
        line.project, ConsensusPolicy(ConsensusMethod.POOLED, min_confidence=0.9)
    )
    await line.answer("ann", "five", "sport")
    await line.answer("bob", "five", "culture")
    await line.task_when("five", lambda task: task.answers_wanted == 3)
    await line.answer("cem", "five", "sport")
    assert topics(await line.done("five")) == ["sport"]
    await line.answer("ann", "six", "culture")
    await line.answer("bob", "six", "culture")
    assert topics(await line.done("six")) == ["culture"]
    assert [r.answers async for r in line.ann.consensus.results(line.project)] == [2, 3]


async def test_undoing_what_a_rule_did_is_told_outside(line: Line, endpoint: Endpoint) -> None:
    await line.create()
    rule = await enforce(line)
    await line.ann.webhooks.create(line.project, Webhook(endpoint.url, ("rule_run.*",)))
    run = await line.ann.rule_runs.wait(await line.ann.rule_runs.enforce(line.project, rule))
    await line.ann.rule_runs.revert(line.project, run.uid)
    (told,) = await endpoint.told(1)
    assert told["type"] == "rule_run.reverted"
    assert told["data"] == {"rule_run": f"projects/{line.project}/ruleRuns/{run.uid}"}
