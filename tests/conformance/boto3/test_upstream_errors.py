"""What the service answers reaches the application as the service said it; damage is never tidied up.

What Hardpan itself refuses is in test_refusals.py.
"""

import pytest
import urllib3
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError

from support import ATTEMPTS, CLAUDE, anthropic_body, converse, metadata, stop_reason, stream_text, user

# Status, type, and how often boto3 asks before it gives up.
ERRORS = [
    (400, "ValidationException", 1),
    (403, "AccessDeniedException", 1),
    (404, "ResourceNotFoundException", 1),
    (408, "ModelTimeoutException", 1),
    (424, "ModelErrorException", 1),
    (429, "ModelNotReadyException", ATTEMPTS),
    (500, "InternalServerException", ATTEMPTS),
    (503, "ServiceUnavailableException", ATTEMPTS),
]
STREAM_EXCEPTIONS = [
    "internalServerException",
    "modelStreamErrorException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
]
LONG = "one two three four five six seven eight nine ten"


def streamed_until_failure(events):
    """The events that arrived, and the error the iteration ended in, if it did."""
    seen = []
    try:
        for event in events:
            seen.append(event)
    except (BotoCoreError, ClientError, urllib3.exceptions.HTTPError) as error:
        return seen, error
    return seen, None


def test_throttling_keeps_the_clients_retries(bedrock, upstream, records):
    with pytest.raises(bedrock.exceptions.ThrottlingException) as caught:
        converse(bedrock, "[sim:throttle]")
    assert metadata(caught.value)["RetryAttempts"] == ATTEMPTS - 1
    # Each attempt is a request of its own: recorded, and sent once.
    assert [record["status"] for record in records.take(ATTEMPTS)] == [429] * ATTEMPTS
    assert len(upstream.requests()) == ATTEMPTS


@pytest.mark.parametrize(("status", "name", "attempts"), ERRORS, ids=[name for _, name, _ in ERRORS])
def test_an_error_of_the_service_passes_untouched(bedrock, upstream, records, status, name, attempts):
    with pytest.raises(getattr(bedrock.exceptions, name)) as caught:
        converse(bedrock, f"[sim:error {status} {name}]")
    assert metadata(caught.value)["HTTPStatusCode"] == status
    assert metadata(caught.value)["RetryAttempts"] == attempts - 1
    assert [record["status"] for record in records.take(attempts)] == [status] * attempts
    assert len(upstream.requests()) == attempts


def test_an_error_before_a_stream_is_an_error_answer(bedrock):
    with pytest.raises(bedrock.exceptions.ModelErrorException):
        bedrock.converse_stream(modelId=CLAUDE, messages=user("[sim:error 424 ModelErrorException]"))


def test_a_connection_lost_before_the_answer_is_unavailable(bedrock):
    with pytest.raises(bedrock.exceptions.ServiceUnavailableException) as caught:
        converse(bedrock, "[sim:close]")
    assert metadata(caught.value)["HTTPStatusCode"] == 503


def test_an_intervention_of_a_guardrail_passes(bedrock, records):
    answer = bedrock.converse(modelId=CLAUDE, messages=user("[sim:guardrail]"))
    assert answer["stopReason"] == "guardrail_intervened"
    assert "guardrail" in answer["trace"]
    assert records.one()["stop_reason"] == "guardrail_intervened"


def test_an_intervention_of_a_guardrail_passes_in_a_stream(bedrock):
    events = list(bedrock.converse_stream(modelId=CLAUDE, messages=user("[sim:guardrail]"))["stream"])
    assert stop_reason(events) == "guardrail_intervened"
    assert next(iter(events[-1])) == "metadata"


@pytest.mark.parametrize("name", STREAM_EXCEPTIONS)
def test_an_exception_inside_a_stream_is_raised(bedrock, records, name):
    answer = bedrock.converse_stream(modelId=CLAUDE, messages=user(f"[sim:exception {name}] {LONG}"))
    seen, error = streamed_until_failure(answer["stream"])
    assert isinstance(error, EventStreamError)
    assert error.response["Error"]["Code"] == name
    assert "You said: one two".startswith(stream_text(seen)[:5])
    assert not any("messageStop" in event for event in seen)
    assert records.one()["error"]


def streams(client, text):
    return {
        "ConverseStream": lambda: client.converse_stream(modelId=CLAUDE, messages=user(text))["stream"],
        "InvokeModelWithResponseStream": lambda: client.invoke_model_with_response_stream(
            modelId=CLAUDE, body=anthropic_body(text)
        )["body"],
    }


@pytest.mark.parametrize("directive", ["cut", "badcrc"])
@pytest.mark.parametrize("operation", ["ConverseStream", "InvokeModelWithResponseStream"])
def test_a_damaged_stream_is_an_error_and_never_a_silent_end(bedrock, records, operation, directive):
    seen, error = streamed_until_failure(streams(bedrock, f"[sim:{directive}] {LONG}")[operation]())
    assert error is not None, f"the stream ended tidily after {len(seen)} events"
    assert not isinstance(error, ChecksumMismatch), "damage was passed on instead of being noticed"
    if isinstance(error, EventStreamError):
        assert error.response["Error"]["Code"], "an exception outside the operation's union"
    assert not any("messageStop" in event for event in seen)
    assert records.one()["error"]


def test_a_client_that_leaves_mid_stream_is_recorded_and_others_go_on(bedrock, records):
    answer = bedrock.converse_stream(modelId=CLAUDE, messages=user(f"[sim:pace 50] {LONG * 20}"))
    events = iter(answer["stream"])
    next(events)
    answer["stream"].close()
    assert converse(bedrock, "hello") == "You said: hello"
    left, answered = sorted(records.take(2), key=lambda record: record["operation"], reverse=True)
    assert (left["operation"], answered["operation"]) == ("ConverseStream", "Converse")
    assert left["output_tokens"] > 0 or left["usage_source"] == "estimated"
