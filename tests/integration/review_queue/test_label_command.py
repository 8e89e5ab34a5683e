"""`labelmesh import --format` and `labelmesh export --format` as processes, with real photographs and their labels."""

import json
from pathlib import Path
from typing import Any

import pytest

from formats import Binder, Item, Options, reading
from labels.proto import ontology_from_pb
from tests.integration.review_queue.command import Run
from tests.integration.review_queue.command import address as address
from tests.integration.review_queue.command import labelmesh as labelmesh

COCO = Path(__file__).parents[4] / "shared" / "data" / "coco15"


@pytest.fixture
def coco() -> Path:
    assert (COCO / "instances.json").exists(), f"The pictures of COCO are not in {COCO}."
    return COCO / "instances.json"


async def test_coco_comes_in_with_its_pictures_and_goes_out_as_it_was(
    house: Any,
    labelmesh: Run,
    coco: Path,
    tmp_path: Path,
) -> None:
    arguments = ("import", "photos", str(coco), "--format", "coco", "--images", str(COCO))
    code, _, errors = await labelmesh(*arguments)
    assert code == 1
    assert "There is no project" in errors or "no such project" in errors
    code, output, errors = await labelmesh(*arguments, "--create", "--report", str(tmp_path / "in.json"))
    assert code == 0, errors
    assert "15 assets and 15 labels imported; the project photos was created" in output
    report = json.loads((tmp_path / "in.json").read_text())
    assert (report["written"], report["lossless"]) == (151, True)
    assert report["changed"]["crowd read as one object"]["count"] == 1

    code, output, _ = await labelmesh(*arguments)
    assert code == 0
    assert "0 assets and 0 labels imported, 15 were there already" in output

    target = tmp_path / "out.json"
    code, _, errors = await labelmesh("export", "photos", "-f", "coco", "-o", str(target))
    assert code == 1
    code, output, errors = await labelmesh(
        "export", "photos", "-f", "coco", "-o", str(target), "--include-unreviewed", "--json"
    )
    assert code == 0, errors
    assert json.loads(output)["report"]["written"] == 151
    found = await house.projects.GetProject(_named("photos"), metadata=house.ann)
    ontology = ontology_from_pb(found.project.ontology)
    assert said(target, ontology) == said(coco, ontology)


def said(path: Path, ontology: Any) -> dict[str, list[str]]:
    source = reading(path, "coco", Options())
    binder = Binder(ontology, source.report)
    items = [binder.bind(found) for found in source if isinstance(found, Item)]
    return {item.asset.key: sorted(repr((a.category, a.value)) for a in item.annotations) for item in items}


def _named(project_id: str) -> Any:
    from labelmesh.review.v1 import project_service_pb2

    return project_service_pb2.GetProjectRequest(name=f"projects/{project_id}")


async def test_predictions_of_a_model_are_seen_in_the_queue(
    house: Any, labelmesh: Run, tmp_path: Path
) -> None:
    """label-studio#6759, #5115, #8012, #5956: imported predictions were invisible."""
    tasks = [
        {
            "data": {"text": f"Ann saw {name}.", "key": name},
            "predictions": [
                {
                    "model_version": "ner-1",
                    "score": score,
                    "result": [
                        {
                            "id": "a",
                            "type": "labels",
                            "from_name": "people",
                            "to_name": "text",
                            "value": {"start": 8, "end": 8 + len(name), "text": name, "labels": ["PERSON"]},
                        }
                    ],
                }
            ],
        }
        for name, score in (("Bob", 0.9), ("Eve", 0.2))
    ]
    source = tmp_path / "tasks.json"
    source.write_text(json.dumps(tasks))
    code, output, errors = await labelmesh("import", "names", str(source), "-f", "labelstudio", "--create")
    assert code == 0, errors
    assert "2 assets and 2 labels imported" in output
    first, second = await house.lease(2, parent="projects/names")
    assert [one.task.asset.key for one in (first, second)] == ["Eve", "Bob"]
    assert first.task.label.author == "ner-1"
    assert first.task.label.annotations[0].span.text == "Eve"


async def test_bad_records_are_listed_and_nothing_is_imported_unless_told_so(
    house: Any,
    labelmesh: Run,
    coco: Path,
    tmp_path: Path,
) -> None:
    content = json.loads(coco.read_text())
    content["images"][0]["width"] += 1
    content["images"][1]["file_name"] = "../../etc/passwd"
    content["annotations"][0]["category_id"] = 9_999
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(content))
    arguments = ("import", "photos", str(bad), "-f", "coco", "--images", str(COCO), "--create")
    code, _, errors = await labelmesh(*arguments)
    assert code == 1
    assert "Nothing was imported: 3 records" in errors
    assert "pixels, and the file says" in errors
    assert "There is no picture ../../etc/passwd" in errors
    assert "Its category is not in the file." in errors
    code, output, errors = await labelmesh(*arguments, "--skip-bad-rows")
    assert code == 0, errors
    assert "13 assets and 13 labels imported" in output
