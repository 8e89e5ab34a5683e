"""The project's own distributions: where each lies, and which of them are services with an image of their own."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"
# In the order in which they build on each other.
LOCAL = {
    "labelmesh-protos": "protos",
    "labelmesh-labels": "libs/labels",
    "labelmesh-formats": "libs/formats",
    "labelmesh-chassis": "libs/chassis",
    "labelmesh-review-queue": "services/review_queue",
    "labelmesh-llm-annotator": "services/llm_annotator",
    "labelmesh-qa-engine": "services/qa_engine",
    "labelmesh-sam-segmenter": "services/sam_segmenter",
    "labelmesh": "clients/labelmesh",
}
SERVICES = ("review_queue", "llm_annotator", "qa_engine", "sam_segmenter")


def name_of(requirement: str) -> str:
    """A requirement's distribution, normalised: `Foo_Bar[x]>=1` is `foo-bar`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;@]", requirement.strip(), maxsplit=1)[0]).lower()


def pyproject(distribution: str) -> Path:
    """Its pyproject.toml."""
    return ROOT / LOCAL[distribution] / "pyproject.toml"
