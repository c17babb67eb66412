"""Personal data stays: masked before AWS sees it, restored before the application does, in every operation.

What went upstream is read from the wire, not from anybody's report of it.
"""

import pytest

from support import (
    CLAUDE,
    OPERATIONS,
    converse,
    converse_text,
    stop_reason,
    stream_text,
    streamed_tool_calls,
    tool_calls,
    tools,
    user,
)

EMAIL = "alice.smith@example.com"
CARD = "4111 1111 1111 1111"
SSN = "536-22-8726"
IBAN = "DE89 3704 0044 0532 0130 00"
# In two halves, so that no scanner of repositories takes it for a key that works.
ACCESS_KEY = "AKIA" + "Q3EGRNWZ2LK7XYTB"

VALUES = {
    "EMAIL": f"Write to {EMAIL} today",
    "CREDIT_DEBIT_CARD_NUMBER": f"My credit card number is {CARD}, thank you",
    "US_SOCIAL_SECURITY_NUMBER": f"My SSN is {SSN}, thank you",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": f"Pay to IBAN {IBAN} please",
    "AWS_ACCESS_KEY": f"The access key id is {ACCESS_KEY}, rotate it",
}
SENT = {
    "EMAIL": EMAIL,
    "CREDIT_DEBIT_CARD_NUMBER": CARD,
    "US_SOCIAL_SECURITY_NUMBER": SSN,
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": IBAN,
    "AWS_ACCESS_KEY": ACCESS_KEY,
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_value_is_masked_upstream_and_restored(bedrock, upstream, records, confidential, operation, kind):
    value = confidential(SENT[kind])
    assert OPERATIONS[operation](bedrock, VALUES[kind]) == f"You said: {VALUES[kind]}"
    record = records.one()
    assert record["findings"] == {kind: 1}
    assert record["redactions"] == 1
    assert len(upstream.requests()) == 1
    assert value.encode() not in upstream.bytes_sent()


def test_the_same_value_has_the_same_placeholder_throughout(bedrock, upstream, confidential):
    confidential(EMAIL)
    turns = [
        *user(f"I am {EMAIL}"),
        {"role": "assistant", "content": [{"text": f"Hello {EMAIL}"}]},
        *user("thanks"),
    ]
    bedrock.converse(modelId=CLAUDE, messages=turns)
    bedrock.converse(modelId=CLAUDE, messages=turns)
    first, second = (request.json()["messages"] for request in upstream.requests())
    assert first == second, "a placeholder that changes defeats the provider's prompt cache"
    asked, answered = first[0]["content"][0]["text"], first[1]["content"][0]["text"]
    assert EMAIL not in asked and asked.removeprefix("I am ") == answered.removeprefix("Hello ")


def test_values_are_masked_wherever_text_can_stand(bedrock, upstream, confidential):
    addresses = confidential(*(f"person{n}@example.org" for n in range(6)))
    system, history, result, nested, document, described = addresses
    offered = tools("get_weather")
    offered["tools"][0]["toolSpec"]["description"] = f"Owner: {described}"
    bedrock.converse(
        modelId=CLAUDE,
        system=[{"text": f"Escalate to {system}"}],
        toolConfig=offered,
        messages=[
            *user(f"from {history}"),
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {}}}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "t1",
                            "content": [
                                {"text": f"sent by {result}"},
                                {"json": {"deep": [{"mail": nested}]}},
                            ],
                        }
                    },
                    {"document": {"format": "txt", "name": "note", "source": {"text": f"by {document}"}}},
                    {"text": "go on"},
                ],
            },
        ],
    )
    sent = upstream.bytes_sent()
    assert len(upstream.requests()) == 1
    for address in addresses:
        assert address.encode() not in sent, address


def test_streamed_restoration_leaves_no_piece_of_a_placeholder(bedrock, upstream, confidential):
    confidential(EMAIL)
    text = f"{EMAIL} and bob.jones@example.net and again {EMAIL}"
    confidential("bob.jones@example.net")
    events = list(bedrock.converse_stream(modelId=CLAUDE, messages=user(text))["stream"])
    assert stream_text(events) == f"You said: {text}"
    assert stop_reason(events) == "end_turn"
    assert b"@example" not in upstream.bytes_sent()


def test_tool_arguments_are_restored(bedrock, upstream, records, confidential):
    confidential(EMAIL)
    text = f'Mail {EMAIL} [sim:tool send_mail {{"to": "{EMAIL}"}}]'
    answer = bedrock.converse(
        modelId=CLAUDE, messages=user(text), toolConfig=tools("send_mail", required=["to"])
    )
    (call,) = tool_calls(answer)
    assert (call["name"], call["input"]) == ("send_mail", {"to": EMAIL})
    assert records.one()["agent_tools_called"] == ["send_mail"]
    assert EMAIL.encode() not in upstream.bytes_sent()


def test_streamed_tool_arguments_are_restored(bedrock, upstream, confidential):
    confidential(EMAIL)
    text = f'Mail {EMAIL} [sim:tool send_mail {{"to": "{EMAIL}"}}]'
    answer = bedrock.converse_stream(
        modelId=CLAUDE, messages=user(text), toolConfig=tools("send_mail", required=["to"])
    )
    events = list(answer["stream"])
    assert list(streamed_tool_calls(events).values()) == [("send_mail", {"to": EMAIL})]
    assert stop_reason(events) == "tool_use"
    assert EMAIL.encode() not in upstream.bytes_sent()


def test_a_placeholder_the_caller_wrote_itself_is_not_filled_in(bedrock):
    """Only what Hardpan masked in this request is restored in its answer."""
    assert converse(bedrock, "what is {EMAIL_1}?") == "You said: what is {EMAIL_1}?"


def test_text_with_nothing_to_find_goes_up_as_it_came(bedrock, upstream, records):
    answer = bedrock.converse(
        modelId=CLAUDE, messages=user("nothing to see"), inferenceConfig={"maxTokens": 50}
    )
    assert converse_text(answer) == "You said: nothing to see"
    assert records.one()["redactions"] == 0
    (request,) = upstream.requests()
    assert (
        request.body == b'{"messages": [{"role": "user", "content": [{"text": "nothing to see"}]}], '
        b'"inferenceConfig": {"maxTokens": 50}}'
    )
