"""Tool calls are decided one by one, with their arguments complete: released, or replaced by a refusal.

Restored personal data in arguments is looked at in test_privacy.py.
"""

import json

import pytest

from support import (
    CLAUDE,
    anthropic_body,
    anthropic_stream_text,
    anthropic_text,
    chunks,
    converse_text,
    stop_reason,
    stream_text,
    streamed_tool_calls,
    tool_calls,
    tools,
    user,
)

READ = '[sim:tool db_query {"query": "select name from orders"}]'
DROP = '[sim:tool db_query {"query": "drop table orders"}]'
WEATHER = '[sim:tool get_weather {"city": "Oslo"}]'
DATABASE = tools("db_query", required=["query"])
BOTH = tools("get_weather", "db_query")

# What the model proposes, which tools were offered, and the code the call is refused with.
REFUSED = {
    "forbidden argument": (DROP, DATABASE, "tool_arg_forbidden"),
    "arguments against the schema": (
        '[sim:tool get_weather {"town": "Oslo"}]',
        tools("get_weather", required=["city"]),
        "tool_args_invalid",
    ),
    "no grant": ('[sim:tool http_get {"url": "http://example.com"}]', tools("http_get"), "tool_undeclared"),
    "never offered": (WEATHER, DATABASE, None),
}


def test_a_granted_tool_makes_the_round_trip(bedrock, records):
    question = user(f"Weather? {WEATHER}")
    answer = bedrock.converse(
        modelId=CLAUDE, messages=question, toolConfig=tools("get_weather", required=["city"])
    )
    assert answer["stopReason"] == "tool_use"
    (call,) = tool_calls(answer)
    assert (call["name"], call["input"]) == ("get_weather", {"city": "Oslo"})
    assert records.one()["agent_tools_called"] == ["get_weather"]

    result = {"toolUseId": call["toolUseId"], "content": [{"json": {"celsius": 4}}], "status": "success"}
    reply = {"role": "user", "content": [{"toolResult": result}, {"text": "so, a coat?"}]}
    answer = bedrock.converse(
        modelId=CLAUDE,
        messages=[*question, answer["output"]["message"], reply],
        toolConfig=tools("get_weather"),
    )
    assert answer["stopReason"] == "end_turn"
    assert converse_text(answer) == "You said: so, a coat?"


def test_a_granted_tool_streams(bedrock):
    answer = bedrock.converse_stream(modelId=CLAUDE, messages=user(READ), toolConfig=DATABASE)
    events = list(answer["stream"])
    assert list(streamed_tool_calls(events).values()) == [("db_query", {"query": "select name from orders"})]
    assert stop_reason(events) == "tool_use"


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_call_becomes_text(bedrock, records, case):
    text, offered, code = REFUSED[case]
    answer = bedrock.converse(modelId=CLAUDE, messages=user(text), toolConfig=offered)
    assert tool_calls(answer) == []
    assert answer["stopReason"] == "end_turn"
    assert "[" in converse_text(answer) and (code or "") in converse_text(answer)
    record = records.one()
    assert record["tools_denied"] and not record["agent_tools_called"]


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_call_becomes_text_in_a_stream(bedrock, records, case):
    text, offered, code = REFUSED[case]
    events = list(bedrock.converse_stream(modelId=CLAUDE, messages=user(text), toolConfig=offered)["stream"])
    assert streamed_tool_calls(events) == {}
    assert stop_reason(events) == "end_turn"
    assert "[" in stream_text(events) and (code or "") in stream_text(events)
    assert next(iter(events[-1])) == "metadata"
    record = records.one()
    assert record["tools_denied"] and not record["agent_tools_called"]


def test_one_refused_call_does_not_take_the_others_with_it(bedrock, records):
    answer = bedrock.converse(modelId=CLAUDE, messages=user(WEATHER + DROP), toolConfig=BOTH)
    assert [call["name"] for call in tool_calls(answer)] == ["get_weather"]
    assert answer["stopReason"] == "tool_use"
    assert "tool_arg_forbidden" in converse_text(answer)
    record = records.one()
    assert (record["agent_tools_called"], record["tools_denied"]) == (["get_weather"], ["db_query"])


def test_one_refused_call_in_a_stream_does_not_take_the_others_with_it(bedrock):
    events = list(
        bedrock.converse_stream(modelId=CLAUDE, messages=user(WEATHER + DROP), toolConfig=BOTH)["stream"]
    )
    assert list(streamed_tool_calls(events).values()) == [("get_weather", {"city": "Oslo"})]
    assert stop_reason(events) == "tool_use"
    assert "tool_arg_forbidden" in stream_text(events)


def test_a_tool_without_a_grant_is_not_shown_to_the_model(bedrock, upstream):
    bedrock.converse(modelId=CLAUDE, messages=user("hi"), toolConfig=tools("get_weather", "http_get"))
    (request,) = upstream.requests()
    offered = [entry["toolSpec"]["name"] for entry in request.json()["toolConfig"]["tools"]]
    assert offered == ["get_weather"]


def anthropic_tool(name):
    schema = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    return {"name": name, "description": "Asks the database.", "input_schema": schema}


def test_calls_in_a_native_body_are_decided_too(bedrock):
    for text, released in ((READ, True), (DROP, False)):
        body = anthropic_body(text, tools=[anthropic_tool("db_query")])
        message = json.loads(bedrock.invoke_model(modelId=CLAUDE, body=body)["body"].read())
        kinds = [block["type"] for block in message["content"]]
        assert ("tool_use" in kinds) is released
        assert message["stop_reason"] == ("tool_use" if released else "end_turn")
        assert ("tool_arg_forbidden" in anthropic_text(message)) is not released


def test_calls_in_a_native_stream_are_decided_too(bedrock):
    for text, released in ((READ, True), (DROP, False)):
        body = anthropic_body(text, tools=[anthropic_tool("db_query")])
        messages = chunks(bedrock.invoke_model_with_response_stream(modelId=CLAUDE, body=body)["body"])
        started = [
            message["content_block"]["type"]
            for message in messages
            if message["type"] == "content_block_start"
        ]
        (ended,) = [
            message["delta"]["stop_reason"] for message in messages if message["type"] == "message_delta"
        ]
        assert ("tool_use" in started) is released
        assert ended == ("tool_use" if released else "end_turn")
        assert ("tool_arg_forbidden" in anthropic_stream_text(messages)) is not released
