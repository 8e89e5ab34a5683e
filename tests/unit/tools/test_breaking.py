"""Contracts held against main and the last release, in repositories made for it."""

import subprocess

import breaking
import pytest

FIELD = "  string name = 1;\n"
OTHER = "  int64 name = 1;\n"


class Repository:
    """A git repository with one contract."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.setattr(breaking, "ROOT", folder)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True)

    def write(self, field):
        package = self.folder / "protos" / "labelmesh" / "thing" / "v1"
        package.mkdir(parents=True, exist_ok=True)
        (self.folder / "protos" / "buf.yaml").write_text("version: v2\nbreaking:\n  use: [WIRE_JSON]\n")
        head = 'syntax = "proto3";\npackage labelmesh.thing.v1;\n'
        (package / "thing.proto").write_text(f"{head}message Thing {{\n{field}}}\n")

    def commit(self, field, message="change"):
        self.write(field)
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.delenv("CONTRACT_BREAK", raising=False)
    return Repository(tmp_path, monkeypatch)


def test_a_first_commit_has_nothing_to_break(repository):
    repository.commit(FIELD)
    assert breaking.main() == 0


def test_a_change_that_is_not_committed_is_compared_with_main(repository, monkeypatch):
    repository.commit(FIELD)
    repository.write(OTHER)
    assert breaking.main() == 1
    monkeypatch.setenv("CONTRACT_BREAK", "nobody has it yet")
    assert breaking.main() == 0


def test_main_itself_is_compared_with_the_commit_before(repository):
    repository.commit(FIELD)
    repository.commit(OTHER)
    assert breaking.main() == 1


def test_a_branch_is_compared_with_main(repository):
    repository.commit(FIELD)
    repository.git("checkout", "-q", "-b", "work")
    repository.commit(OTHER)
    repository.commit(OTHER, "another")
    assert breaking.main() == 1


def test_a_break_may_be_meant_until_the_first_release(repository):
    repository.commit(FIELD)
    repository.commit(OTHER, "change\n\nContract-Break: nobody has it yet")
    assert breaking.main() == 0
    repository.git("tag", "v0.1.0", "HEAD^")
    assert breaking.main() == 1


def test_an_addition_breaks_nothing(repository):
    repository.commit(FIELD)
    repository.git("tag", "v0.1.0")
    repository.commit(FIELD + "  string more = 2;\n")
    assert breaking.main() == 0
