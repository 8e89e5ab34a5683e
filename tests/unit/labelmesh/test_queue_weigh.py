"""Files of weights."""

from pathlib import Path

import pytest

from labelmesh.cli.errors import UserError
from labelmesh.cli.queue_weigh import read_weights


def test_a_file_of_weights_is_read(tmp_path: Path) -> None:
    file = tmp_path / "weights.csv"
    file.write_text('\ufeffweight,why,key\n2.5,new,o1\n0,,"o,2"\n1000,,o3\n', encoding="utf-8")
    assert read_weights(file) == {"o1": 2.5, "o,2": 0.0, "o3": 1_000.0}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"key;weight\no1;5\n", "columns key and weight"),
        (b"", "columns key and weight"),
        (b"key,weight\no1,5\no1,6\n", "Line 3"),
        (b"key,weight\n,5\n", "Line 2"),
        (b"key,weight\no1,much\n", "Line 2"),
        (b"key,weight\no1\n", "Line 2"),
        (b"key,weight\no1,1000.1\n", "Line 2"),
        (b"key,weight\no1,nan\n", "Line 2"),
        (b"key,weight\n", "no row"),
        (b"key,weight\n\xff,1\n", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_one_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "weights.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_weights(file)
