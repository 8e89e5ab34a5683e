"""The demo's data keeps the promises of its README."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from labelmesh.cli.ontology_file import read_ontology
from labelmesh.client.files.rows import GoodRow, read_rows
from labels.ontology import ToolKind

Row = dict[str, Any]


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with as_file(files("labelmesh.demo") / "data") as folder:
        yield folder


@pytest.fixture(scope="module")
def tickets(data: Path) -> list[Row]:
    return rows_of(data / "tickets.jsonl")


@pytest.fixture(scope="module")
def news(data: Path) -> list[Row]:
    return rows_of(data / "news.jsonl")


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    middle = len(rows) // 2
    return rows[:middle], rows[middle:]


def categories_of(row: Row) -> list[str]:
    gold = row["gold"]
    return [gold["category"]] if "category" in gold else [entity["category"] for entity in gold["entities"]]


def mix(rows: list[Row]) -> Counter[str]:
    return Counter(category for row in rows for category in categories_of(row))


def marked(row: Row) -> list[tuple[int, int]]:
    return [(entity["start"], entity["end"]) for entity in row["gold"]["entities"]]


def unmarked_repeats(row: Row) -> list[str]:
    """Marked strings that stand in the text as whole words once more, outside every span."""
    spans, text = marked(row), row["text"]
    return [
        name
        for name in {text[start:end] for start, end in spans}
        for found in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        if not any(start <= found.start() and found.end() <= end for start, end in spans)
    ]


def test_there_is_enough_to_work_on(tickets: list[Row], news: list[Row]) -> None:
    assert len(tickets) >= 84
    assert len(news) >= 48
    assert len(tickets) + len(news) >= 120


def test_keys_and_texts_are_unique(tickets: list[Row], news: list[Row]) -> None:
    rows = tickets + news
    assert len({row["key"] for row in rows}) == len(rows)
    assert len({row["text"].casefold() for row in rows}) == len(rows)


def test_rows_hold_a_key_a_text_and_a_gold_answer(tickets: list[Row], news: list[Row]) -> None:
    for row in tickets + news:
        assert set(row) == {"key", "text", "gold"}
        assert row["text"] == " ".join(row["text"].split())
    assert all(set(row["gold"]) == {"category"} for row in tickets)
    assert all(set(row["gold"]) == {"entities"} for row in news)


@pytest.mark.parametrize(("name", "prefix"), [("tickets", "ticket"), ("news", "news")])
def test_every_row_can_be_imported(data: Path, name: str, prefix: str) -> None:
    imported = list(read_rows(data / f"{name}.jsonl"))
    keys = [row.asset.key for row in imported if isinstance(row, GoodRow)]
    assert keys == [f"{prefix}-{number:03}" for number in range(1, len(imported) + 1)]


@pytest.mark.parametrize(
    ("name", "tool", "kind"),
    [("tickets", "topic", ToolKind.CHOICE_SINGLE), ("news", "entity", ToolKind.SPAN)],
)
def test_gold_uses_all_categories_of_the_ontology_and_no_other(
    data: Path, name: str, tool: str, kind: ToolKind
) -> None:
    (only,) = read_ontology(data / f"{name}.ontology.json").tools
    assert (only.name, only.kind) == (tool, kind)
    assert all(category.description.endswith(".") for category in only.categories)
    assert set(mix(rows_of(data / f"{name}.jsonl"))) == set(only.category_names)


def test_spans_are_exact(news: list[Row]) -> None:
    for row in news:
        for entity in row["gold"]["entities"]:
            assert set(entity) == {"start", "end", "text", "category"}
            assert row["text"][entity["start"] : entity["end"]] == entity["text"] != ""


def test_spans_begin_and_end_at_words(news: list[Row]) -> None:
    for row in news:
        for start, end in marked(row):
            assert re.fullmatch(r"\w.*\w", row["text"][start:end])
            assert not re.search(r"\w\Z", row["text"][:start])
            assert not re.match(r"\w", row["text"][end:])


def test_spans_are_in_order_and_do_not_overlap(news: list[Row]) -> None:
    for row in news:
        edges = [edge for span in marked(row) for edge in span]
        assert edges == sorted(edges), row["key"]


def test_no_repeat_of_a_marked_name_is_forgotten(news: list[Row]) -> None:
    assert {row["key"]: names for row in news if (names := unmarked_repeats(row))} == {}


def test_a_forgotten_repeat_would_be_found() -> None:
    gold = {"entities": [{"start": 0, "end": 5, "text": "Sable", "category": "organisation"}]}
    assert unmarked_repeats({"text": "Sable sells Sable's camera, not sables.", "gold": gold}) == ["Sable"]


def test_both_halves_of_the_tickets_have_the_same_mix(tickets: list[Row]) -> None:
    first, second = map(mix, halves(tickets))
    assert first == second
    assert len(set(first.values())) == 1


def test_both_halves_of_the_news_have_nearly_the_same_mix(news: list[Row]) -> None:
    first, second = halves(news)
    for category, count in mix(first).items():
        assert abs(count - mix(second)[category]) <= 2
    assert [sum(not marked(row) for row in half) for half in (first, second)] == [2, 2]


def test_lengths_and_alphabets_vary(tickets: list[Row], news: list[Row]) -> None:
    words = sorted(len(row["text"].split()) for row in tickets)
    assert 8 <= words[0] <= 10
    assert 60 <= words[-1] <= 70
    for rows in (tickets, news):
        text = "".join(row["text"] for row in rows)
        assert any(character.isalpha() and not character.isascii() for character in text)
        assert any(ord(character) > 0xFFFF for character in text)


def test_the_readme_counts_right(data: Path, tickets: list[Row], news: list[Row]) -> None:
    readme = (data / "README.md").read_text(encoding="utf-8")
    for fact in (
        f"{len(tickets)} messages",
        f"({len(tickets) // 5} messages each)",
        f"{len(news)} sentences",
        f"{mix(news).total()} marked names",
    ):
        assert fact in readme
    quoted = re.findall(r'\| "([^"]+)" \|', readme)
    assert len(quoted) == 5
    assert {row["text"] for row in tickets}.issuperset(quoted)
