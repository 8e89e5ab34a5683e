"""Settings: where they come from, and which are refused."""

from pathlib import Path

import pytest

from chassis.settings import ServiceSettings, is_loopback, load, split_address


def test_values_come_from_the_environment_and_secrets_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://u:p@h/d\n")
    monkeypatch.setenv("LABELMESH_LISTEN", "localhost:1")
    monkeypatch.setenv("LABELMESH_DATABASE_URL_FILE", str(secret))
    settings = load(ServiceSettings)
    assert settings.listen == "localhost:1"
    assert settings.database_url == "postgresql://u:p@h/d"
    assert "u:p" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"LISTEN": "0.0.0.0:7401"}, "without tokens_file would let anybody in"),
        ({"LISTEN": "0.0.0.0:7401", "TOKENS_FILE": "/t.json"}, "without TLS would show the tokens"),
        ({"LISTEN": "[::]:7401"}, "without tokens_file"),
        ({"LISTEN": "example.org:7401"}, "without tokens_file"),
        ({"LISTEN": "7401"}, "is not host:port"),
        ({"LISTEN": "127.0.0.1:99999"}, "is not host:port"),
        ({"METRICS_LISTEN": "somewhere"}, "is not host:port"),
        ({"TLS_CERT_FILE": "/c.pem"}, "go together"),
        ({"TRACE_RATIO": "2"}, "LABELMESH_TRACE_RATIO"),
        ({"LOG_LEVEL": "LOUD"}, "LABELMESH_LOG_LEVEL"),
        ({"GRACE_SECONDS": "soon"}, "LABELMESH_GRACE_SECONDS"),
        ({"DATABASE_URL_FILE": "/does/not/exist"}, "LABELMESH_DATABASE_URL_FILE names a file"),
    ],
)
def test_unsafe_or_wrong_settings_are_refused_in_one_sentence(
    environment: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"LABELMESH_{name}", value)
    with pytest.raises(SystemExit) as left:
        load(ServiceSettings)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: settings refused: ")
    assert says in said
    assert said.count("\n") == 1


def test_refusals_do_not_repeat_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELMESH_NATS_URL", "nats://user:geheim@host")
    monkeypatch.setenv("LABELMESH_LINGER_MS", "geheim")
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert "geheim" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "environment",
    [
        {"LISTEN": "0.0.0.0:1", "TOKENS_FILE": "/t", "ALLOW_PLAINTEXT": "true"},
        {"LISTEN": "0.0.0.0:1", "TOKENS_FILE": "/t", "TLS_CERT_FILE": "/c", "TLS_KEY_FILE": "/k"},
        {"LISTEN": "[::1]:1"},
    ],
)
def test_safe_settings_pass(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"LABELMESH_{name}", value)
    assert load(ServiceSettings).listen == environment["LISTEN"]


def test_addresses() -> None:
    assert split_address("[::1]:80") == ("[::1]", 80)
    assert is_loopback("127.8.8.8:1")
    assert is_loopback("localhost:1")
    assert not is_loopback("10.0.0.1:1")
