"""Words the tests share: models, requests, and what an answer says, per operation.

No assertions live here; each function turns an answer into a value and the test says what it must be.
"""

import json
import re

import botocore

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "amazon.nova-lite-v1:0"

# How often a client asks in all before it gives up on what it retries: its own defaults, `standard` retries
# since 1.44 and `legacy` ones before.
NEWEST = tuple(int(part) for part in botocore.__version__.split(".")[:2]) >= (1, 44)
ATTEMPTS = 3 if NEWEST else 5

REFUSAL = re.compile(r"\[(?P<code>[a-z_]+)\] .+ \(decision (?P<decision>[^()\s]+)\)", re.DOTALL)


def user(text):
    return [{"role": "user", "content": [{"text": text}]}]


def anthropic_body(text, **members):
    return json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 256,
            "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
            **members,
        }
    )


def nova_body(text):
    return json.dumps({"messages": user(text), "inferenceConfig": {"maxTokens": 256}})


# The four governed operations, each from prompt to the answer's text.


def converse(client, text, **members):
    return converse_text(client.converse(modelId=CLAUDE, messages=user(text), **members))


def converse_stream(client, text, **members):
    return stream_text(client.converse_stream(modelId=CLAUDE, messages=user(text), **members)["stream"])


def invoke_model(client, text):
    answer = client.invoke_model(modelId=CLAUDE, body=anthropic_body(text))
    return anthropic_text(json.loads(answer["body"].read()))


def invoke_model_stream(client, text):
    answer = client.invoke_model_with_response_stream(modelId=CLAUDE, body=anthropic_body(text))
    return anthropic_stream_text(chunks(answer["body"]))


OPERATIONS = {
    "Converse": converse,
    "ConverseStream": converse_stream,
    "InvokeModel": invoke_model,
    "InvokeModelWithResponseStream": invoke_model_stream,
}


def converse_text(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def tool_calls(answer):
    return [block["toolUse"] for block in answer["output"]["message"]["content"] if "toolUse" in block]


def stream_text(events):
    deltas = (event.get("contentBlockDelta", {}).get("delta", {}) for event in events)
    return "".join(delta.get("text", "") for delta in deltas)


def streamed_tool_calls(events):
    """The tool calls of a ConverseStream as {index: (name, input)}, each input parsed once joined."""
    names, fragments = {}, {}
    for event in events:
        if "contentBlockStart" in event and "toolUse" in event["contentBlockStart"]["start"]:
            index = event["contentBlockStart"]["contentBlockIndex"]
            names[index] = event["contentBlockStart"]["start"]["toolUse"]["name"]
        delta = event.get("contentBlockDelta", {})
        if "toolUse" in delta.get("delta", {}):
            index = delta["contentBlockIndex"]
            fragments[index] = fragments.get(index, "") + delta["delta"]["toolUse"]["input"]
    return {index: (name, json.loads(fragments.get(index, "{}"))) for index, name in names.items()}


def stop_reason(events):
    return next(event["messageStop"]["stopReason"] for event in events if "messageStop" in event)


def anthropic_text(message):
    return "".join(block.get("text", "") for block in message["content"])


def chunks(stream):
    return [json.loads(event["chunk"]["bytes"]) for event in stream]


def anthropic_stream_text(messages):
    return "".join(
        message["delta"].get("text", "") for message in messages if message["type"] == "content_block_delta"
    )


def tools(*names, required=()):
    return {"tools": [tool(name, required) for name in names]}


def tool(name, required=()):
    properties = {member: {"type": "string"} for member in required}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"toolSpec": {"name": name, "description": f"The {name} tool.", "inputSchema": {"json": schema}}}


def metadata(error):
    return error.response["ResponseMetadata"]


def refusal(error):
    """The code and the decision id in a refusal's message."""
    found = REFUSAL.search(error.response["Error"]["Message"])
    return (found["code"], found["decision"]) if found else (None, None)


def decision_id(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"].get("x-hardpan-decision-id")


def cache_result(record):
    cache = record["cache"]
    return cache["result"] if isinstance(cache, dict) else cache
