"""The four governed operations through an unmodified client: what is allowed is answered as AWS answers it.

Refusals and errors have files of their own.
"""

import json

import pytest

from support import (
    CLAUDE,
    HAIKU,
    NOVA,
    OPERATIONS,
    anthropic_body,
    anthropic_text,
    chunks,
    converse_text,
    decision_id,
    nova_body,
    stop_reason,
    stream_text,
    user,
)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_allowed_request_is_answered(bedrock, records, operation):
    assert OPERATIONS[operation](bedrock, "good morning") == "You said: good morning"
    record = records.one()
    assert record["operation"] == operation
    assert record["status"] == 200
    assert record["input_tokens"] > 0 and record["output_tokens"] > 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_text_outside_ascii_survives(bedrock, operation):
    text = 'Grüße, 東京 \u2014 \U0001f600 "quoted" \\ and\na new line'
    assert OPERATIONS[operation](bedrock, text) == f"You said: {text}"


def test_converse_has_every_member_of_an_answer(bedrock):
    answer = bedrock.converse(modelId=CLAUDE, messages=user("hello"), system=[{"text": "Be brief."}])
    assert converse_text(answer) == "You said: hello"
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]
    assert answer["metrics"]["latencyMs"] >= 0
    assert answer["ResponseMetadata"]["RequestId"]
    assert decision_id(answer)


def test_converse_stream_keeps_the_order_of_events(bedrock):
    answer = bedrock.converse_stream(modelId=CLAUDE, messages=user("hello there, how are you today?"))
    assert decision_id(answer)
    events = list(answer["stream"])
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert set(names[1:-3]) == {"contentBlockDelta"} and len(names) > 5
    assert stream_text(events) == "You said: hello there, how are you today?"
    assert stop_reason(events) == "end_turn"
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0


def test_a_long_stream_arrives_whole(bedrock):
    events = list(bedrock.converse_stream(modelId=CLAUDE, messages=user("[sim:bytes 6000]"))["stream"])
    assert stop_reason(events) in ("end_turn", "max_tokens")
    assert len(stream_text(events)) >= 6000


def test_invoke_model_carries_its_headers(bedrock):
    answer = bedrock.invoke_model(
        modelId=HAIKU, body=anthropic_body("hello"), contentType="application/json", accept="application/json"
    )
    assert answer["contentType"] == "application/json"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["x-amzn-bedrock-input-token-count"]) > 0
    assert int(headers["x-amzn-bedrock-output-token-count"]) > 0
    assert decision_id(answer)
    message = json.loads(answer["body"].read())
    assert anthropic_text(message) == "You said: hello"


def test_invoke_model_speaks_nova(bedrock):
    answer = json.loads(bedrock.invoke_model(modelId=NOVA, body=nova_body("hello"))["body"].read())
    assert converse_text(answer) == "You said: hello"


def test_invoke_model_stream_ends_with_the_token_counts(bedrock):
    body = anthropic_body("hello")
    messages = chunks(bedrock.invoke_model_with_response_stream(modelId=HAIKU, body=body)["body"])
    assert messages[0]["type"] == "message_start"
    assert messages[-1]["type"] == "message_stop"
    assert messages[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0


def test_policy_bounds_the_output_before_it_is_paid_for(bedrock, upstream):
    bedrock.converse(modelId=CLAUDE, messages=user("hello"), inferenceConfig={"maxTokens": 4000})
    (request,) = upstream.requests()
    assert request.json()["inferenceConfig"]["maxTokens"] == 2048


def test_a_smaller_bound_of_the_caller_stands(bedrock, upstream):
    bedrock.converse(modelId=CLAUDE, messages=user("hello"), inferenceConfig={"maxTokens": 100})
    (request,) = upstream.requests()
    assert request.json()["inferenceConfig"]["maxTokens"] == 100


def test_one_connection_serves_many_requests(bedrock, records):
    for turn in range(20):
        assert OPERATIONS["Converse"](bedrock, f"turn {turn}") == f"You said: turn {turn}"
    records.take(20)


def test_a_large_prompt_passes(bedrock):
    text = "lorem ipsum dolor sit amet " * 40_000
    answer = bedrock.converse(modelId=NOVA, messages=user(text + "[sim:say done]"))
    assert converse_text(answer) == "done"
