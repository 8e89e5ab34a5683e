"""The annotator with a real small model behind llama.cpp's server: shapes and probabilities, not quality."""

import json
import sys

import pytest

from chassis.testing import unused_port
from labelmesh.models import default_cache, fetch, manifest
from labels.label import ConfidenceMethod, Span
from labels.ontology import Category, Ontology, Tool, ToolKind
from llm_annotator import llm
from llm_annotator.annotator import Annotator
from llm_annotator.errors import ItemError, KeyRefused, ModelMissing, PromptTooLong
from llm_annotator.plan import Plan
from llm_annotator.prompt import Template, compile_output_spec

TEXTS = (
    "The striker scored twice and the crowd sang until midnight.",
    "Parliament votes on the new tax law in Berlin next week, says Anna Weber.",
    "Der Chor aus Köln sang ein Lied über den Rhein. 😀",
)
CATEGORIES = (Category("sport"), Category("politics"), Category("music and art"))


@pytest.fixture(scope="module")
def model_url(tmp_path_factory):
    from subprocess import PIPE, Popen

    weights = fetch(manifest().model("smollm2"), default_cache())
    arguments = ["--model", str(weights), "--port", str(unused_port()), "--alias", "smollm2"]
    log = tmp_path_factory.mktemp("model") / "log"
    with (
        log.open("wb") as errors,
        Popen(
            [sys.executable, "-m", "labelmesh.local.model_server", *arguments], stdout=PIPE, stderr=errors
        ) as p,
    ):
        assert p.stdout is not None
        line = next(one for one in p.stdout if one.startswith(b"{"))
        yield f"http://{json.loads(line)['address']}/v1"
        p.terminate()


@pytest.fixture
async def model(model_url):
    async with llm.connect(
        base_url=model_url, api_key="", model="smollm2", timeout_seconds=120, connections=4
    ) as connected:
        yield connected


def plan_for(kind, method):
    ontology = Ontology((Tool("topic", kind, CATEGORIES),), revision=1)
    template = Template(1, "Say what the text is about.", compile_output_spec(ontology), 1)
    return Plan(ontology, template, [], method=method, seed=7, output_limit=96, project_id="news")


@pytest.mark.parametrize("method", list(ConfidenceMethod))
@pytest.mark.parametrize("kind", [ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI])
async def test_choices(model, kind, method):
    scores = []
    for text in TEXTS:
        label = (await Annotator(model, 4_000).pre_annotate(text, {}, plan_for(kind, method))).label
        assert {a.category for a in label.annotations} <= {c.name for c in CATEGORIES}
        confidence = label.confidence
        assert confidence is not None
        assert 0 <= confidence.lower <= confidence.raw <= confidence.upper <= 1
        assert 0 < confidence.raw < 1
        scores.append(confidence.raw)
    assert len(set(scores)) == len(TEXTS)


async def test_spans(model):
    plan = plan_for(ToolKind.SPAN, ConfidenceMethod.LABEL_MASS)
    for text in TEXTS:
        try:
            label = (await Annotator(model, 4_000).pre_annotate(text, {}, plan)).label
        except ItemError:
            continue  # so small a model may repeat itself until it is cut
        for annotation in label.annotations:
            assert isinstance(annotation.value, Span)
            assert text[annotation.value.start : annotation.value.end] == annotation.value.text
        assert label.confidence is not None
        assert 0 <= label.confidence.lower <= label.confidence.raw <= label.confidence.upper <= 1


async def test_a_prompt_over_the_context_is_the_items_error(model):
    plan = plan_for(ToolKind.CHOICE_SINGLE, ConfidenceMethod.LABEL_MASS)
    with pytest.raises(PromptTooLong):
        await Annotator(model, 1_000_000).pre_annotate("some words " * 8_000, {}, plan)


async def test_an_address_without_an_api_is_an_endpoint_error(model_url):
    plan = plan_for(ToolKind.CHOICE_SINGLE, ConfidenceMethod.LABEL_MASS)
    async with llm.connect(
        base_url=f"{model_url}/nothing", api_key="x", model="smollm2", timeout_seconds=60, connections=1
    ) as wrong:
        with pytest.raises((ModelMissing, KeyRefused)):
            await Annotator(wrong, 4_000).pre_annotate("text", {}, plan)
