"""No plugin reaches the host, none hurts the engine, and each is told what it did wrong and where."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Label, LabelKind, Polygon, Severity
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.plugins import custom
from qa_engine.plugins.custom import Verdict
from qa_engine.plugins.errors import PluginFailed
from qa_engine.plugins.limits import Limits
from qa_engine.plugins.plugin import Hook, Language, Plugin
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.rule import Subject, Terms
from tests.unit.qa_engine.plugins.hostile import ATTRIBUTES, FILES, IMPORTS, LOOPS, MEMORY, RECURSION
from tests.unit.qa_engine.plugins.hostile_answers import ABUSE, OUTPUT, SHAPES, SOURCE

HOSTILE = {
    name: code
    for ideas in (LOOPS, MEMORY, RECURSION, IMPORTS, FILES, ATTRIBUTES, OUTPUT, SHAPES, ABUSE, SOURCE)
    for name, code in ideas.items()
}
SECRET, VARIABLE = "canary-4711", "LABELMESH_TEST_CANARY"
ONTOLOGY = Ontology((Tool("outline", ToolKind.POLYGON, (Category("roof"),)),), revision=1)
ASSET = Asset("photo", image_ref=ContentRef("file:///x", "0" * 64, 1), width_px=10, height_px=10, uid="x1")
LABEL = Label(
    LabelKind.PREDICTION,
    SECRET,
    (Annotation("a0", "outline", "roof", Polygon(((0.0, 0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0),)), 0.5),),
    uid="l1",
)
TERMS = Terms("plugin_rogue", Severity.WARNING, {})
HEALTHY = Plugin(
    "healthy",
    Language.PYTHON,
    "def on_prediction(label, asset, facts):\n    return [flag('Small.', s) for s in label.shapes if s.area_px < 5]\n",
    hooks=frozenset({Hook.ON_PREDICTION}),
)


@dataclass
class Host:
    """What a plugin must not touch, and the sandbox that keeps it away."""

    folder: Path
    listener: socket.socket
    sandbox: Sandbox

    def fill(self, code: str) -> str:
        """The code with the host's own places in it."""
        places = {
            "@FILE@": str(self.folder / "secret"),
            "@DIR@": str(self.folder),
            "@PORT@": str(self.listener.getsockname()[1]),
            "@VARIABLE@": VARIABLE,
        }
        for mark, place in places.items():
            code = code.replace(mark, place)
        return code

    def is_untouched(self) -> bool:
        """Whether files, environment and network are as they were."""
        self.listener.setblocking(False)
        try:
            self.listener.accept()
        except BlockingIOError:
            files = {path.name: path.read_text() for path in self.folder.iterdir()}
            return files == {"secret": SECRET} and os.environ[VARIABLE] == SECRET
        return False

    def judge(self, plugin: Plugin) -> Verdict:
        """What the plugin says about the label."""
        return custom.judge(plugin, self.sandbox, [(LABEL, Subject(ONTOLOGY, ASSET))], TERMS)[0]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("canary")
    (folder / "secret").write_text(SECRET)
    os.environ[VARIABLE] = SECRET
    sandbox = Sandbox(Limits(seconds=0.15, memory_bytes=32 << 20))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Host(folder, listener, sandbox)
    sandbox.close()
    del os.environ[VARIABLE]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_plugin_gets_nothing_but_a_typed_error_with_its_line(host: Host, name: str) -> None:
    plugin = Plugin("rogue", Language.PYTHON, host.fill(HOSTILE[name]))
    try:
        plugin = replace(plugin, hooks=custom.hooks(plugin, host.sandbox))
    except PluginFailed as error:
        failure = error
        # Not admitted; nor does it get anywhere when it is asked all the same.
        verdict = host.judge(replace(plugin, hooks=frozenset({Hook.ON_PREDICTION})))
        assert verdict.failure is not None
    else:
        verdict = host.judge(plugin)
        assert verdict.failure is not None, verdict
        failure = verdict.failure
    (finding,) = verdict.judgement.findings
    assert (failure.plugin, type(failure) is not PluginFailed) == ("rogue", True)
    assert failure.line >= 1
    assert f"line {failure.line}" in str(failure)
    assert finding.severity is Severity.ERROR
    assert '"rogue"' in finding.message
    assert SECRET not in finding.message + str(failure)
    assert verdict.judgement.operations == ()
    assert host.is_untouched()
    healthy = host.judge(HEALTHY)
    assert [found.annotation_id for found in healthy.judgement.findings] == ["a0"]


def test_the_table_has_200_ideas() -> None:
    assert len(set(HOSTILE.values())) == len(HOSTILE) >= 275
