import hashlib
import json

import grpc
import pytest

from labelmesh.annotator.v1 import annotator_service_pb2 as pb
from labelmesh.annotator.v1.prediction_run_service_pb2 import SHOTS_FEW, GetPredictionRunRequest, RunConfig
from labelmesh.label.v1.label_pb2 import CONFIDENCE_METHOD_TOP5_PRODUCT
from labelmesh.review.v1.queue_service_pb2 import DECISION_CORRECT
from labelmesh.review.v1.review_events_pb2 import LabelSubmitted
from labels.asset import Asset
from labels.label import Annotation, Choice, Label, LabelKind
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import asset_to_pb, label_to_pb

BOXES = Ontology((Tool("roof", ToolKind.BOX, (Category("flat"),)),), revision=1)
ENTITY = Ontology((Tool("entity", ToolKind.SPAN, (Category("PER"), Category("LOC"))),), revision=1)


async def known(world, project="news"):
    """Wait until the service knows the project."""
    for _ in range(400):
        try:
            return await world.annotator.ListPromptRevisions(
                pb.ListPromptRevisionsRequest(parent=f"projects/{project}")
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
    raise AssertionError


async def test_a_text_is_labelled_now(world):
    await world.create_project()
    await known(world)
    config = RunConfig(confidence_method=CONFIDENCE_METHOD_TOP5_PRODUCT)
    answer = await world.annotator.PreAnnotate(
        pb.PreAnnotateRequest(parent="projects/news", text="Goal! [[sport]]", config=config)
    )
    assert [a.category for a in answer.label.annotations] == ["sport"]
    assert answer.label.confidence.method == CONFIDENCE_METHOD_TOP5_PRODUCT
    assert answer.label.annotations[0].confidence == answer.label.confidence.raw
    assert answer.label.name == ""
    assert answer.prompt_tokens > 0


async def test_entities(world):
    await world.create_project(ENTITY)
    await known(world)
    text = "Yesterday Ann flew over München."
    answer = await world.annotator.PreAnnotate(pb.PreAnnotateRequest(parent="projects/news", text=text))
    assert answer.label.annotations
    for annotation in answer.label.annotations:
        assert text[annotation.span.start : annotation.span.end] == annotation.span.text


async def test_what_the_model_sees(world):
    await world.create_project()
    await world.import_texts(["Goal!"])
    await world.review(0, "Goal!", "sport", DECISION_CORRECT)
    for _ in range(200):
        bank = await known(world) and await world.annotator.ListExamples(
            pb.ListExamplesRequest(parent="projects/news")
        )
        if bank.total:
            break
    assert [(e.label, e.asset, e.corrected, list(e.categories)) for e in bank.examples] == [
        ("projects/news/labels/L000R2", "projects/news/assets/A000000", True, ["sport"])
    ]
    request = pb.RenderPromptRequest(
        parent="projects/news", text="Vote!", config=RunConfig(shots=SHOTS_FEW, seed=3)
    )
    shown = await world.annotator.RenderPrompt(request)
    assert [m.role for m in shown.messages] == ["system", "user", "assistant", "user"]
    assert shown.messages[0].content.startswith("Name the topic.\n\n")
    assert json.loads(shown.messages[2].content) == {"category": "sport"}
    plain = [{"content": m.content, "role": m.role} for m in shown.messages]
    canonical = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    assert shown.sha256 == hashlib.sha256(canonical).hexdigest()
    assert json.loads(shown.output_schema_json)["properties"]["category"]["enum"] == ["sport", "art"]
    assert shown.prompt_revision == 1
    assert await world.annotator.RenderPrompt(request) == shown


async def test_rules_that_change_a_reviewed_label_change_the_example(world):
    await world.create_project()
    await world.import_texts(["Goal!", "Vote!"])
    await world.review(0, "Goal!", "sport", DECISION_CORRECT)
    await world.emit(changed(0, "Goal!", LabelKind.REVIEW, "L000R3", "art", 3))
    # What comes late is older than what is there; a prediction that rules changed is no example.
    await world.emit(changed(0, "Goal!", LabelKind.REVIEW, "L000R1", "sport", 1))
    await world.emit(changed(1, "Vote!", LabelKind.PREDICTION, "L001R2", "art", 2))
    await world.review(1, "Vote!", "sport", DECISION_CORRECT, revision=4)
    expected = [
        ("projects/news/labels/L000R3", True, ["art"]),
        ("projects/news/labels/L001R4", True, ["sport"]),
    ]
    for _ in range(400):
        bank = await known(world) and await world.annotator.ListExamples(
            pb.ListExamplesRequest(parent="projects/news")
        )
        found = sorted((e.label, e.corrected, list(e.categories)) for e in bank.examples)
        if found == expected:
            break
    assert found == expected


def changed(n, text, kind, uid, category, revision):
    """A label that rules made of the one before it."""
    claims = (Annotation("a0", "topic", category, Choice()),)
    asset = Asset(key=f"key-{n}", text=text, uid=f"A{n:06}")
    label = Label(kind, "ann", claims, uid=uid, asset_uid=asset.uid, revision=revision)
    return LabelSubmitted(
        asset=asset_to_pb(asset, "news"),
        label=label_to_pb(label, "news"),
        rule_run="projects/news/ruleRuns/R1",
    )


async def test_prompt_revisions(world):
    await world.create_project()
    await known(world)
    added = await world.annotator.CreatePromptRevision(
        pb.CreatePromptRevisionRequest(parent="projects/news", instruction="Be brief.")
    )
    assert (added.prompt.revision, added.prompt.instruction) == (2, "Be brief.")
    await world.create_project(Ontology(ENTITY.tools, revision=2))
    for _ in range(400):
        prompts = (await known(world)).prompts
        if len(prompts) == 3:
            break
    assert [(p.revision, p.instruction, p.ontology_revision) for p in prompts] == [
        (3, "Be brief.", 2),
        (2, "Be brief.", 1),
        (1, "Name the topic.", 1),
    ]
    assert "entities" in prompts[0].output_spec


@pytest.mark.parametrize(
    ("call", "request_", "code"),
    [
        ("PreAnnotate", pb.PreAnnotateRequest(parent="projects/none", text="x"), "NOT_FOUND"),
        ("PreAnnotate", pb.PreAnnotateRequest(parent="news", text="x"), "INVALID_ARGUMENT"),
        ("PreAnnotate", pb.PreAnnotateRequest(parent="projects/news", text=" "), "INVALID_ARGUMENT"),
        (
            "PreAnnotate",
            pb.PreAnnotateRequest(
                parent="projects/news", text="x", config=RunConfig(examples_per_category=17)
            ),
            "INVALID_ARGUMENT",
        ),
        (
            "PreAnnotate",
            pb.PreAnnotateRequest(parent="projects/news", text="x", config=RunConfig(shots=9)),  # type: ignore[arg-type]
            "INVALID_ARGUMENT",
        ),
        (
            "PreAnnotate",
            pb.PreAnnotateRequest(parent="projects/news", text="word " * 100_000),
            "INVALID_ARGUMENT",
        ),
        ("CreatePromptRevision", pb.CreatePromptRevisionRequest(parent="projects/news"), "INVALID_ARGUMENT"),
        ("ListExamples", pb.ListExamplesRequest(parent="projects/news", page_size=-1), "INVALID_ARGUMENT"),
        ("ListExamples", pb.ListExamplesRequest(parent="projects/news", page_token="?"), "INVALID_ARGUMENT"),
        ("PreAnnotate", pb.PreAnnotateRequest(parent="projects/maps", text="x"), "FAILED_PRECONDITION"),
        ("PreAnnotate", pb.PreAnnotateRequest(parent="projects/theirs", text="x"), "NOT_FOUND"),
    ],
)
async def test_requests_that_are_refused(world, call, request_, code):
    if "theirs" in request_.parent:
        await world.create_project(uid="01J00000000000000000000003", project="theirs", tenant="another")
    await world.create_project(BOXES, uid="01J00000000000000000000002", project="maps")
    await world.create_project()
    await known(world)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(world.annotator, call)(request_)
    assert refused.value.code().name == code


@pytest.mark.parametrize(("mode", "code"), [("401", "FAILED_PRECONDITION"), ("503", "UNAVAILABLE")])
async def test_endpoint_errors_reach_the_caller(world, mode, code):
    world.stub.control(mode=mode, retry_after=0)
    await world.create_project()
    await known(world)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.annotator.PreAnnotate(pb.PreAnnotateRequest(parent="projects/news", text="x"))
    assert refused.value.code().name == code
    assert "Traceback" not in refused.value.details()


async def test_runs_of_nobody(world):
    await world.create_project()
    await known(world)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.runs.GetPredictionRun(
            GetPredictionRunRequest(name="projects/news/predictionRuns/01J00000000000000000000009")
        )
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
