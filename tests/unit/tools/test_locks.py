"""What the offline check of the locks notices."""

import pytest

import locks

HASH = "    --hash=sha256:" + "0" * 64 + "\n"


def lock(*pins):
    return "".join(f"{pin} \\\n{HASH}" for pin in pins)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LOCKS", tmp_path)
    return tmp_path


def check(folder, text, needs, everything):
    (folder / "dev.txt").write_text(everything)
    (folder / "one.txt").write_text(text)
    return locks.problems("one.txt", needs, locks.pins("dev.txt"))


def test_what_is_locked_in_a_wanted_version_is_fine(folder):
    text = lock("grpcio==1.85.1", "numpy==2.4.6 ; python_full_version < '3.12'", "numpy==2.5.5")
    assert check(folder, text, {"grpcio>=1.85,<2", "NumPy>=2.2"}, text) == []


def test_what_is_missing(folder):
    (said,) = check(folder, lock("grpcio==1.85.1"), {"grpcio", "numpy>=2"}, lock("grpcio==1.85.1"))
    assert "numpy not" in said


def test_a_version_that_no_longer_fits(folder):
    (said,) = check(folder, lock("grpcio==1.60.0"), {"grpcio>=1.85"}, lock("grpcio==1.60.0"))
    assert "grpcio 1.60.0" in said


def test_a_service_runs_with_the_versions_that_were_tested(folder):
    (said,) = check(folder, lock("grpcio==1.86.0"), {"grpcio>=1.85"}, lock("grpcio==1.85.1"))
    assert "locks/dev.txt has not" in said


def test_a_pin_without_a_hash_is_refused(folder):
    with pytest.raises(SystemExit, match="no hashes"):
        check(folder, "grpcio==1.85.1\n", {"grpcio"}, lock("grpcio==1.85.1"))
