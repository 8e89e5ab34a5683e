"""Ids, subjects, trace context, log lines, tokens."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chassis import log, subjects, tracecontext
from chassis.auth import Tokens
from chassis.ids import new_uid
from labelmesh.review.v1.review_events_pb2 import AssetsImported


def test_ids_are_distinct_and_grow() -> None:
    mine = [new_uid() for _ in range(5000)]
    assert mine == sorted(set(mine))
    assert all(len(uid) == 26 and uid.isalnum() and not set(uid) & set("ILOU") for uid in mine)
    with ThreadPoolExecutor(4) as pool:
        many = [
            uid for part in pool.map(lambda _: [new_uid() for _ in range(1000)], range(4)) for uid in part
        ]
    assert len(set(many)) == 4000


def test_subjects_and_streams() -> None:
    name = AssetsImported.DESCRIPTOR.full_name
    assert subjects.subject(name, "P1") == "labelmesh.review.v1.AssetsImported.P1"
    assert subjects.split("labelmesh.review.v1.AssetsImported.P1") == (name, "P1")
    assert subjects.stream_of("labelmesh.review.v1") == "LABELMESH_REVIEW"
    assert subjects.stream_of("labelmesh.review.v2beta") == "LABELMESH_REVIEW"
    assert subjects.package_of(name) == "labelmesh.review.v1"


def test_trace_context() -> None:
    fresh = tracecontext.fresh()
    assert tracecontext.valid(fresh) == fresh
    for bad in ("", "00-abc", fresh.upper() + "x", None, b"x"):
        assert tracecontext.valid(bad) == ""
    token = tracecontext.enter(fresh)
    assert tracecontext.current() == fresh
    assert tracecontext.current_trace_id() == fresh[3:35]
    tracecontext.leave(token)
    assert tracecontext.current() == ""


def test_log_lines_are_json_with_service_and_trace() -> None:
    program = (
        "import logging\n"
        "from chassis import log, tracecontext\n"
        "log.configure('svc', 'INFO')\n"
        "tracecontext.enter('00-' + 'a' * 32 + '-' + 'b' * 16 + '-00')\n"
        "log.get_logger('m').info('imported', rows=3)\n"
        "log.get_logger('m').debug('hidden')\n"
        "logging.getLogger('library').warning('odd')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    own, library = map(json.loads, done.stderr.splitlines())
    assert (own["event"], own["rows"], own["service"], own["level"]) == ("imported", 3, "svc", "info")
    assert own["trace_id"] == "a" * 32
    assert (library["event"], library["service"], library["level"]) == ("odd", "svc", "warning")


def test_where_tells_the_place_and_not_the_words() -> None:
    try:
        try:
            raise KeyError("customer text")
        except KeyError as error:
            raise ValueError("more customer text") from error
    except ValueError as error:
        told = log.where(error)
    assert "ValueError at" in told
    assert "caused by builtins.KeyError" in told
    assert "customer" not in told


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"short": {"tenant": "a", "actor": "b"}}', '{"%s": {"tenant": "a"}}' % ("0" * 64), None],
)
def test_broken_token_files_are_refused(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="tokens file"):
        Tokens(path)
