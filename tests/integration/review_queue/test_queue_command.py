"""`labelmesh queue` as a process, against the running service."""

import json
from pathlib import Path
from typing import Any

from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2, queue_service_pb2
from labels.label import Severity
from tests.integration.review_queue.command import Run
from tests.integration.review_queue.command import address as address
from tests.integration.review_queue.command import labelmesh as labelmesh


async def test_the_queue_in_a_terminal(house: Any, labelmesh: Run) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(30)))
    predictions = [house.prediction(a, i / 30) for i, a in enumerate(assets[:25])]
    await house.deliver(project, *predictions)
    await house.deliver(project, house.evaluation(predictions[19].label, Severity.ERROR, Severity.INFO))
    lease, back = await house.lease(2)
    await house.submit(back, "ACCEPT")
    await house.queue.ReleaseLease(
        queue_service_pb2.ReleaseLeaseRequest(name=lease.task.name, fencing_token=lease.fencing_token),
        metadata=house.ann,
    )

    code, shown, notes = await labelmesh("queue", "list", "news", "--limit", "5")
    assert code == 0, notes
    assert "29 tasks" in shown
    assert "Shown are 5 of 29" in notes
    assert max(map(len, shown.splitlines())) <= 100
    code, shown, _ = await labelmesh("queue", "list", "news", "--filter", "severity = ERROR")
    assert [word in shown for word in ("k19", "ERROR ×2", "sport", "0.63", "1 task")] == [True] * 5

    by_key = ("queue", "list", "news", "--filter", "confidence < 0.2", "--order-by", "key desc", "--json")
    code, shown, _ = await labelmesh(*by_key)
    assert [task["asset"]["key"] for task in json.loads(shown)] == ["k5", "k4", "k3", "k2", "k1", "k0"]

    code, shown, _ = await labelmesh("queue", "count", "news", "--filter", "state = OPEN", "--json")
    counted = json.loads(shown)
    assert (counted["open"], counted["total"], counted["project_total"]) == (24, 24, 30)
    code, shown, _ = await labelmesh("queue", "count", "news")
    assert [word in shown for word in ("WAITING", "24", "30 tasks")] == [True] * 3

    code, shown, _ = await labelmesh("queue", "explain", "news", "k3")
    assert [word in shown for word in ("1 - confidence", "age_per_hour", "priority")] == [True] * 3
    code, shown, _ = await labelmesh("queue", "explain", "news", back.task.name.rpartition("/")[2], "--json")
    explained = json.loads(shown)
    assert (explained["key"], explained["state"], len(explained["terms"])) == (
        back.task.asset.key,
        "DONE",
        7,
    )


async def test_what_is_wrong_ends_in_a_sentence(house: Any, labelmesh: Run) -> None:
    await house.project()
    code, shown, notes = await labelmesh("queue", "list", "news", "--filter", "confidence < high")
    assert (code, shown) == (1, "")
    assert " ".join(notes.split()) == (
        "Error: The filter is not valid at character 14: `confidence` is a number such as 0.5."
    )
    code, _, notes = await labelmesh("queue", "list", "news", "--order-by", "category")
    assert code == 1
    assert "The order is not valid at character 1" in notes
    for key in ('no "such" key', "*", "\\"):
        code, _, notes = await labelmesh("queue", "explain", "news", key)
        assert code == 1
        assert "has no asset with the key" in notes
    code, shown, _ = await labelmesh("queue", "list", "news")
    assert (code, shown) == (0, "Nothing waits for review.\n")


async def test_a_policy_is_set_shown_and_watched(house: Any, labelmesh: Run) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(12)))
    await house.deliver(project, *(house.prediction(a, i / 12) for i, a in enumerate(assets)))
    setting = ("--answers", "2", "--max-answers", "3", "--pool", "seniors=ann,bob", "--pool", "sport")
    routes = ("--route", "seniors: confidence < 0.3", "--sla-hours", "48", "--escalation-pool", "seniors")
    code, shown, notes = await labelmesh("queue", "policy", "news", *setting, *routes)
    assert code == 0, notes
    assert "4 tasks belong to another pool" in notes
    wanted = ("2 people's", "up to 3", "seniors", "ann, bob", "confidence < 0.3", "after 2 days", "anyone")
    assert [word in shown for word in wanted] == [True] * len(wanted)
    code, shown, _ = await labelmesh("queue", "policy", "news", "--drop-pool", "sport", "--json")
    assert [pool["name"] for pool in json.loads(shown)["pools"]] == ["seniors"]
    code, _, notes = await labelmesh("queue", "policy", "news", "--route", "severity = ERROR")
    assert code == 1
    assert "A route is written 'pool: filter'" in " ".join(notes.split())
    code, _, notes = await labelmesh("queue", "policy", "news", "--sla-pool", "nobody")
    assert (code, 'no pool "nobody"' in notes) == (1, True)

    code, shown, notes = await labelmesh("queue", "watch", "news", "--changes", "1", "--head", "3")
    assert code == 0, notes
    assert [word in shown for word in ("OPEN", "12 tasks", "k0", "k2", "seniors")] == [True] * 5
    code, shown, _ = await labelmesh("queue", "watch", "news", "--changes", "1", "--json")
    assert json.loads(shown)["counts"]["open"] == 12


async def test_what_assets_are_worth_in_a_terminal(house: Any, labelmesh: Run, tmp_path: Path) -> None:
    made, _, errors = await labelmesh(
        "project", "create", "orders", "--choices", "late,broken", "--priority", "business=2, novelty=1",
        "--pre-annotation", "none", "--json",
    )  # fmt: skip
    assert made == 0, errors
    rows = tmp_path / "orders.csv"
    rows.write_text(
        "key,weight,text,shop\no1,,where is it,north\no2,3.5,it is broken,south\no3,0,too late,south\n"
    )
    assert (await labelmesh("import", "orders", str(rows)))[0] == 0
    listed = json.loads((await labelmesh("queue", "list", "orders", "--json"))[1])
    assert [(t["asset"]["key"], t["terms"]["business"]) for t in listed] == [
        ("o2", 3.5),
        ("o1", 0.0),
        ("o3", 0.0),
    ]
    assert listed[0]["asset"]["context"] == {"shop": "south"}

    assert (await labelmesh("queue", "weigh", "orders", "o3", "9"))[0] == 0
    weights = tmp_path / "weights.csv"
    weights.write_text("key,weight,why\no1,5,new customer\no3,9,same\n")
    code, told, _ = await labelmesh("queue", "weigh", "orders", "--file", str(weights), "--json")
    assert (code, json.loads(told)) == (0, {"assets": 2, "changed": 1})
    listed = json.loads((await labelmesh("queue", "list", "orders", "--filter", "weight > 4", "--json"))[1])
    assert [t["asset"]["key"] for t in listed] == ["o3", "o1"]
    explained = json.loads((await labelmesh("queue", "explain", "orders", "o3", "--json"))[1])
    assert {t["name"]: t["contribution"] for t in explained["terms"]}["business"] == 18.0
    assert "what it is worth" in (await labelmesh("queue", "explain", "orders", "o3"))[1]


async def test_a_file_of_weights_with_an_unknown_key_changes_nothing(
    house: Any, labelmesh: Run, tmp_path: Path
) -> None:
    await house.project("orders", mode="NONE")
    await house.send_rows(
        [asset_service_pb2.ImportRow(line=1, asset=asset_pb2.Asset(key="o1", text="one"), weight=2)],
        parent="projects/orders",
    )
    weights = tmp_path / "weights.csv"
    weights.write_text("key,weight\no1,5\no9,1\n")
    code, _, errors = await labelmesh("queue", "weigh", "orders", "--file", str(weights))
    assert code != 0
    assert "no asset" in " ".join(errors.split())
    assert [t.terms.business for t in await house.tasks("projects/orders")] == [2.0]
