"""Sizes and words that the check holds, and those it lets pass."""

import pytest
from rooms import long_rooms, named_places


def function(lines, comment=""):
    return f"def work():{comment}\n" + "    step()\n" * (lines - 1)


@pytest.mark.parametrize(
    ("text", "noted", "failed"),
    [
        (function(40), 0, False),
        (function(41), 1, False),
        (function(61), 1, True),
        (function(61, "  # long: one table"), 1, False),
        ("step()\n" * 300, 0, False),
        ("step()\n" * 301, 1, False),
        ("step()\n" * 331, 1, True),
        ("# long: one table\n" + "step()\n" * 331, 1, False),
    ],
)
def test_long_rooms(text, noted, failed):
    found = list(long_rooms("room.py", text))
    assert len(found) == noted
    assert any(bad for _sentence, bad in found) is failed


@pytest.mark.parametrize(
    "line",
    [
        "index-url = https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/packages/x.whl",
        '"resolved": "https://registry.npm' + 'js.org/x"',
        "URIs: http://deb.deb" + "ian.org/debian",
        "cd /ro" + "ot/project",
        "source = '/ho" + "me/ann/labelmesh/x.py'",
    ],
)
def test_places_that_only_one_machine_has(line):
    ((sentence, failed),) = named_places("file", f"fine\n{line}\n")
    assert sentence.startswith("file:2:")
    assert failed


@pytest.mark.parametrize(
    "line", ["apt-get install python3-venv", "cd /work", "pip install labelmesh", "net/work/x"]
)
def test_words_that_may_stand(line):
    assert not list(named_places("file", line))
