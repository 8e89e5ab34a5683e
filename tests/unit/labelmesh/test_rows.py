import json
from pathlib import Path

import pytest
from PIL import Image

from labelmesh.client.files.rows import BadRow, FileUnusable, GoodRow, read_rows


def write(path: Path, *lines: str | bytes) -> Path:
    path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
    return path


def only_bad(path: Path) -> BadRow:
    (row,) = read_rows(path)
    assert isinstance(row, BadRow)
    return row


def test_jsonl_rows_keep_key_text_and_context(tmp_path: Path) -> None:
    row = json.dumps(
        {"key": "t-1", "text": "Grüße 👋", "context": {"from": "mail"}, "gold": {"category": "x"}}
    )
    (good,) = read_rows(write(tmp_path / "a.jsonl", row))
    assert isinstance(good, GoodRow)
    assert (good.line, good.asset.key, good.asset.text) == (1, "t-1", "Grüße 👋")
    assert good.asset.context == {"from": "mail"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"text": "half', "not JSON"),
        ("[1, 2]", "not an object"),
        ('{"txt": "x"}', 'either "text" or "image"'),
        ('{"text": 5}', "must be strings"),
        ('{"text": "   "}', "The text is empty."),
        ('{"text": ""}', "The text is empty."),
        ('{"text": "x", "key": ""}', "1 to 256 bytes"),
        ('{"text": "x", "key": ["a"]}', '"key" must be a string'),
        ('{"text": "x", "context": {"a": 1}}', '"context" must be an object of strings'),
        ('{"text": "\\ud800"}', "surrogate"),
        ('{"text": "x", "key": "\\udfff"}', "surrogate"),
        (b'{"text": "\xff"}', "not UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ('{"key": ' + "9" * 5000 + ', "text": "x"}', "number too long"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str | bytes, sentence: str) -> None:
    rows = list(read_rows(write(tmp_path / "a.jsonl", '{"text": "fine"}', line, '{"text": "fine too"}')))
    assert [isinstance(row, BadRow) for row in rows] == [False, True, False]
    bad = rows[1]
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert sentence in bad.message


def test_texts_up_to_one_mebibyte_are_taken_and_longer_ones_refused(tmp_path: Path) -> None:
    rows = list(
        read_rows(
            write(tmp_path / "a.jsonl", *(json.dumps({"text": "x" * n}) for n in (1 << 20, (1 << 20) + 1)))
        )
    )
    assert isinstance(rows[0], GoodRow)
    assert isinstance(rows[1], BadRow)
    assert rows[1].message == "The text is longer than 1 MiB."


def test_a_line_of_ten_megabytes_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    long = json.dumps({"text": "x" * 10_000_000})
    rows = list(read_rows(write(tmp_path / "a.jsonl", long, '{"text": "next"}')))
    assert isinstance(rows[0], BadRow)
    assert "longer than 8 MiB" in rows[0].message
    assert isinstance(rows[1], GoodRow)
    assert rows[1].line == 2


def test_a_key_used_twice_names_the_first_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"key": "k", "text": "a"}', "", '{"key": "k", "text": "b"}')
    rows = list(read_rows(path))
    assert rows[1] == BadRow(3, 'The key "k" was used in line 1 already.')


def test_keys_made_from_content_are_the_same_on_every_reading(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one", "two", "one")
    keys = [row.asset.key for row in read_rows(path) if isinstance(row, GoodRow)]
    assert keys == [row.asset.key for row in read_rows(path) if isinstance(row, GoodRow)]
    assert len(set(keys)) == 3
    assert keys[2] == f"{keys[0]}-2"


def test_text_files_skip_blank_lines_but_keep_their_numbers(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path / "a.txt", b"\xef\xbb\xbffirst", "", "third\r")))
    assert [(row.line, row.asset.text) for row in rows if isinstance(row, GoodRow)] == [
        (1, "first"),
        (3, "third"),
    ]


def test_csv_columns_beside_text_and_key_are_context(tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path / "a.csv", "key,text,source", '7,"two\nlines",mail'))
    assert isinstance(row, GoodRow)
    assert (row.asset.key, row.asset.text, row.asset.context) == ("7", "two\nlines", {"source": "mail"})


@pytest.mark.parametrize(
    ("written", "weight"), [("2.5", 2.5), ("1000", 1_000.0), ("0", 0.0), ("", None), ("much", "bad"), ("1e4", "bad"),
                            ("-1", "bad"), ("nan", "bad")]
)  # fmt: skip
def test_what_a_row_is_worth_is_a_number_up_to_a_thousand(
    tmp_path: Path, written: str, weight: float | str | None
) -> None:
    as_csv, as_json = tmp_path / "rows.csv", tmp_path / "rows.jsonl"
    as_csv.write_text(f"text,weight\nwhere is it,{written}\n")
    as_json.write_text(json.dumps({"text": "where is it", "weight": written or None}))
    for source in (as_csv, as_json):
        (row,) = read_rows(source)
        if weight == "bad":
            assert isinstance(row, BadRow)
            assert '"weight" must be a number' in row.message
        else:
            assert isinstance(row, GoodRow)
            assert (row.weight, row.asset.context) == (weight, {})


def test_csv_needs_a_text_column(tmp_path: Path) -> None:
    assert (
        'name a column "text"; the columns are: a, b'
        in only_bad(write(tmp_path / "a.csv", "a,b", "1,2")).message
    )


def test_a_csv_line_of_another_length_is_bad(tmp_path: Path) -> None:
    assert only_bad(write(tmp_path / "a.csv", "text,b", "1")).line == 2
    assert only_bad(write(tmp_path / "b.csv", "text,b", "1,2,3")).line == 2


def test_pictures_of_a_folder_are_measured(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    Image.new("L", (640, 480)).save(tmp_path / "sub" / "p.png")
    (tmp_path / "broken.jpg").write_bytes(b"hello")
    bad, good = read_rows(tmp_path)
    assert isinstance(bad, BadRow)
    assert "broken.jpg is not a PNG" in bad.message
    assert isinstance(good, GoodRow)
    assert (good.asset.key, good.asset.width_px, good.asset.height_px) == ("sub/p.png", 640, 480)


@pytest.mark.parametrize("name", ["missing.jsonl", "rows.parquet", "empty"])
def test_what_cannot_be_read_at_all_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.parquet").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileUnusable) as caught:
        list(read_rows(tmp_path / name))
    assert str(caught.value).endswith(".")
