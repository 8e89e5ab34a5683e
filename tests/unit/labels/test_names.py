"""Resource names."""

import pytest

from labels import names
from labels.errors import NameInvalid

UID = "01J8ZC0000000000000000000A"


def test_names_are_taken_apart_as_they_were_made() -> None:
    assert names.parse_project(names.project_name("news-2024")) == "news-2024"
    for make, form in (
        (names.asset_name, names.ASSET),
        (names.label_name, names.LABEL),
        (names.task_name, names.TASK),
        (names.run_name, names.RUN),
    ):
        assert names.parse(make("p1", UID), form) == ("p1", UID)


BAD = [
    "",
    "projects/",
    "projects/p",
    "projects/P1",
    "projects/1p",
    "projects/p_1",
    "projects/p1/",
    "projects/p1\n",
    "project/p1",
    "projects/p1/assets/x",
    " projects/p1",
    "projects/" + "p" * 49,
    "projects/p\u0661",
]


@pytest.mark.parametrize("name", BAD)
def test_malformed_project_names_are_refused(name: str) -> None:
    with pytest.raises(NameInvalid, match=r'does not have the form "projects/\{project\}"'):
        names.parse_project(name)


@pytest.mark.parametrize("uid", ["", "a/b", "../x", "-x", "x" * 65, "x\0", "ü"])
def test_malformed_uids_are_refused(uid: str) -> None:
    with pytest.raises(NameInvalid) as raised:
        names.parse(f"projects/p1/assets/{uid}", names.ASSET)
    assert "\0" not in str(raised.value)


def test_the_sentence_is_bounded() -> None:
    with pytest.raises(NameInvalid) as raised:
        names.parse_project("x" * 100_000)
    assert len(str(raised.value)) < 200
