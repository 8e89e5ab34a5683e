from datetime import UTC, datetime

import pytest

from llm_annotator import errors
from llm_annotator.annotator import Completion
from llm_annotator.errors import EndpointUnavailable, KeyRefused, TransientFault
from llm_annotator.faults import SchemaRefused, retry_after_seconds, status_error
from llm_annotator.llm import completion
from llm_annotator.patience import Patience, PatientModel

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (401, "", errors.KeyRefused),
        (403, "", errors.KeyRefused),
        (404, "model not found", errors.ModelMissing),
        (402, "", errors.QuotaExhausted),
        (429, "insufficient_quota", errors.QuotaExhausted),
        (429, "rate limit", errors.TransientFault),
        (408, "", errors.TransientFault),
        (409, "", errors.TransientFault),
        (500, "", errors.TransientFault),
        (503, "", errors.TransientFault),
        (529, "overloaded", errors.TransientFault),
        (413, "", errors.PromptTooLong),
        (400, "context_length_exceeded This model's maximum context length is 4096", errors.PromptTooLong),
        (400, "the request exceeds the available context size", errors.PromptTooLong),
        (400, "logprobs is not supported with this model", errors.LogprobsMissing),
        (400, "Invalid parameter: 'response_format' of type 'json_schema'", SchemaRefused),
        (400, "what?", errors.RequestRefused),
        (422, "", errors.RequestRefused),
    ],
)
def test_statuses(status, said, error):
    assert type(status_error(status, said, {})) is error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "90"}, 90.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Fri, 02 Jan 2026 03:06:05 GMT"}, 120.0),
        ({"retry-after": "Fri, 02 Jan 2026 03:06:05"}, 120.0),
        ({"retry-after": "Thu, 01 Jan 2026 03:06:05 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e999"}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after_seconds(headers, NOW) == seconds


class Flaky:
    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.asked = 0

    async def complete(self, messages, plan):
        self.asked += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


GOOD = Completion("{}", False, [], "m", 1, 1)
QUICK = Patience(
    tries=3, first_wait_seconds=0.001, longest_wait_seconds=0.002, longest_retry_after_seconds=0.05
)


async def test_transient_faults_are_tried_again():
    model = Flaky(TransientFault(), TransientFault("x", retry_after_seconds=0.01), GOOD)
    patient = PatientModel(model, QUICK)
    assert await patient.complete((), None) is GOOD
    assert model.asked == 3
    assert patient.last_success > 0


async def test_patience_ends():
    model = Flaky(*[TransientFault("The model endpoint answered with status 500.", 9_999.0)] * 3)
    with pytest.raises(EndpointUnavailable, match="status 500"):
        await PatientModel(model, QUICK).complete((), None)
    assert model.asked == 3


async def test_other_errors_are_not_tried_again():
    model = Flaky(KeyRefused())
    with pytest.raises(KeyRefused):
        await PatientModel(model, QUICK).complete((), None)
    assert model.asked == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", errors.TransientFault),
        (b"{}", errors.TransientFault),
        (b"[]", errors.TransientFault),
        (b'{"choices": []}', errors.TransientFault),
        (b'{"choices": [{"message": null}]}', errors.TransientFault),
        (b'{"choices": [{"message": {"content": "x"}, "logprobs": null}]}', errors.LogprobsMissing),
        (b'{"choices": [{"message": {"refusal": "no"}}]}', errors.ReplyRefused),
        (b'{"choices": [{"finish_reason": "content_filter", "message": {}}]}', errors.ReplyRefused),
    ],
)
def test_bodies_that_are_no_completion(body, error):
    with pytest.raises(error):
        completion(body, "m")


def test_a_completion():
    body = b'{"choices": [{"finish_reason": "length", "message": {"content": null}}], "usage": {"prompt_tokens": 7}}'
    assert completion(body, "m") == Completion("", True, [], "m", 7, 0)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('"fp_44709d6fcb"', "fp_44709d6fcb"),
        ("null", ""),
        ("7", ""),
        (f'"{"x" * 300}"', "x" * 256),
        ('"a\\nb"', "ab"),
    ],
)
def test_the_version_that_answered_is_kept_as_one_short_line(said, kept):
    body = b'{"choices": [{"message": {"content": null}}], "system_fingerprint": ' + said.encode() + b"}"
    assert completion(body, "m").fingerprint == kept
