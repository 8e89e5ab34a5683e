"""The way to an endpoint: names looked up once, addresses that are refused, certificates."""

import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from qa_engine.webhooks.schedule import Outcome
from qa_engine.webhooks.sender import Patience, sender
from qa_engine.webhooks.target import Gate, gate

LOOPBACK = gate("127.0.0.1/32", "443")
SHORT = Patience(connect=5, read=5, total=5, body=0.2)
got: list[str] = []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for the name localhost that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


@pytest.fixture
async def secure(certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    """The port of an https endpoint."""
    got.clear()

    async def handle(request: web.Request) -> web.Response:
        got.append(request.headers["host"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def post(url: str, allowed: Gate, ca_file: Path | None = None) -> Outcome:
    async with sender(allowed, ca_file, SHORT) as one:
        return await one.post(url, b"{}", {})


async def test_the_name_is_what_the_certificate_and_the_host_are_held_to(secure, certificate) -> None:
    assert (await post(f"https://localhost:{secure}/", LOOPBACK, certificate[0])).fault == ""
    assert got == [f"localhost:{secure}"]
    assert (await post(f"https://localhost:{secure}/", LOOPBACK)).fault == "TLS_FAILED"
    # The certificate is for the name and not for the address behind it.
    assert (await post(f"https://127.0.0.1:{secure}/", LOOPBACK, certificate[0])).fault == "TLS_FAILED"
    assert (await post(f"http://localhost:{secure}/", LOOPBACK)).fault != ""
    assert len(got) == 1


async def test_a_name_for_a_private_address_is_refused(secure, certificate) -> None:
    ports = gate("", f"443,{secure}")
    assert (await post(f"https://localhost:{secure}/", ports, certificate[0])).fault == "ADDRESS_REFUSED"
    assert (await post(f"https://127.0.0.1:{secure}/", ports, certificate[0])).fault == "ADDRESS_REFUSED"
    assert got == []


async def test_a_name_that_changes_its_mind_is_asked_once(secure, certificate, monkeypatch) -> None:
    answers = ["127.0.0.1", "127.0.0.99", "127.0.0.99"]
    asked = []

    def change(host: str, port: int, *_args: object, **_named: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[len(asked) - 1], port))]

    monkeypatch.setattr(socket, "getaddrinfo", change)
    assert (await post(f"https://localhost:{secure}/", LOOPBACK, certificate[0])).fault == ""
    assert asked == ["localhost"]
    # The other way round nothing is sent at all.
    assert (await post(f"https://localhost:{secure}/", LOOPBACK, certificate[0])).fault == "ADDRESS_REFUSED"
    assert len(got) == 1


async def test_a_name_that_is_none_is_said_to_be_unknown() -> None:
    assert (await post("https://no-such-name.invalid/", Gate())).fault == "NAME_UNKNOWN"


async def test_nothing_goes_through_a_proxy(secure, certificate, monkeypatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await post(f"https://localhost:{secure}/", LOOPBACK, certificate[0])).fault == ""
