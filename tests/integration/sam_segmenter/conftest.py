"""The Segment Anything model that the tests run on."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sam_dir() -> Path:
    """A folder with encoder.onnx and decoder.onnx of the small model."""
    return Path(os.environ["LABELMESH_TEST_SAM_DIR"])
