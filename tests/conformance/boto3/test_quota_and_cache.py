"""Spending is refused before it happens, in terms clients already act on; a repeated question costs nothing.

Whether the figures are right to the token is the ledger's own tests' business.
"""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import Records
from support import (
    CLAUDE,
    OPERATIONS,
    anthropic_body,
    cache_result,
    converse,
    converse_text,
    metadata,
    tools,
    user,
)

STILL = {"inferenceConfig": {"temperature": 0.0, "maxTokens": 64}}


def test_a_spent_budget_is_typed_and_not_retried(limited):
    hardpan = limited("budget")
    records = Records(hardpan.records)
    client = boto3.Session().client("bedrock-runtime")
    for _ in range(2):
        assert converse(client, "hello") == "You said: hello"
    for operation in OPERATIONS.values():
        with pytest.raises(client.exceptions.ServiceQuotaExceededException) as caught:
            operation(client, "hello")
        assert metadata(caught.value)["HTTPStatusCode"] == 400
        assert metadata(caught.value)["RetryAttempts"] == 0
    assert [record["status"] for record in records.take(6)] == [200, 200, 400, 400, 400, 400]


def test_a_refused_request_spends_nothing(limited):
    limited("budget")
    client = boto3.Session().client("bedrock-runtime")
    for _ in range(3):
        with pytest.raises(client.exceptions.ValidationException):
            client.invoke_model(modelId=CLAUDE, body=b"hello")
        with pytest.raises(client.exceptions.AccessDeniedException):
            client.converse(modelId="anthropic.claude-3-opus-20240229-v1:0", messages=user("hello"))
    assert converse(client, "hello") == "You said: hello"


def test_a_rate_is_throttling_with_a_time_to_wait(limited):
    limited("rate")
    # One attempt: what is looked at is the answer, not the client's patience.
    client = boto3.Session().client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
    refused = []
    # A minute may end between two of them; it cannot end between every two.
    for _ in range(3):
        try:
            converse(client, "hello")
        except client.exceptions.ThrottlingException as error:
            refused.append(error)
    assert refused
    headers = metadata(refused[0])["HTTPHeaders"]
    assert metadata(refused[0])["HTTPStatusCode"] == 429
    wait_ms = int(headers["x-amz-retry-after"])
    assert 0 < wait_ms <= 60_000
    assert int(headers["retry-after-ms"]) == wait_ms
    assert 0 < int(headers["retry-after"]) <= 60
    assert int(headers["retry-after"]) * 1000 >= wait_ms, "rounded down, the client would come back too early"


def test_a_repeated_question_is_answered_from_the_cache(bedrock, upstream, records):
    answers = [
        bedrock.converse(modelId=CLAUDE, messages=user("what is a hardpan?"), **STILL) for _ in range(2)
    ]
    assert converse_text(answers[0]) == converse_text(answers[1]) == "You said: what is a hardpan?"
    assert answers[0]["usage"] == answers[1]["usage"]
    assert [cache_result(record) for record in records.take(2)] == ["miss", "exact"]
    assert len(upstream.requests()) == 1


def test_a_cached_answer_has_ids_of_its_own(bedrock):
    first, second = (bedrock.converse(modelId=CLAUDE, messages=user("ids?"), **STILL) for _ in range(2))
    decisions = [
        answer["ResponseMetadata"]["HTTPHeaders"]["x-hardpan-decision-id"] for answer in (first, second)
    ]
    assert decisions[0] != decisions[1]
    assert second["ResponseMetadata"]["RequestId"]


def test_a_cached_answer_never_carries_another_callers_address(bedrock, confidential):
    for address in confidential("carol@example.com", "dave@example.com"):
        for _ in range(2):
            assert converse(bedrock, f"I am {address}", **STILL) == f"You said: I am {address}"


@pytest.mark.parametrize(
    "changed",
    [
        {"modelId": "anthropic.claude-3-haiku-20240307-v1:0"},
        {"system": [{"text": "Be brief."}]},
        {"inferenceConfig": {"temperature": 0.0, "maxTokens": 65}},
        {"messages": user("another question?")},
    ],
    ids=["model", "system", "parameters", "messages"],
)
def test_another_question_is_not_answered_from_the_cache(bedrock, upstream, changed):
    asked = {"modelId": CLAUDE, "messages": user(f"does {sorted(changed)} matter?"), **STILL}
    bedrock.converse(**asked)
    bedrock.converse(**{**asked, **changed})
    assert len(upstream.requests()) == 2


@pytest.mark.parametrize(
    "members",
    [{}, {"inferenceConfig": {"temperature": 0.7}}, {**STILL, "toolConfig": tools("get_weather")}],
    ids=["no temperature", "warm", "tools offered"],
)
def test_a_question_whose_answer_may_differ_is_asked_again(bedrock, upstream, records, members):
    for _ in range(2):
        converse(bedrock, f"twice with {sorted(members)}?", **members)
    assert len(upstream.requests()) == 2
    assert "exact" not in [cache_result(record) for record in records.take(2)]


def test_an_error_is_never_cached(bedrock, upstream):
    for _ in range(2):
        with pytest.raises(ClientError):
            converse(bedrock, "[sim:error 424 ModelErrorException]", **STILL)
    assert len(upstream.requests()) == 2


def test_a_cached_question_is_still_a_governed_one(bedrock, upstream, records):
    """The cache sits behind identity and policy: an answer in it opens no door."""
    body = anthropic_body("who may ask?", temperature=0)
    assert bedrock.invoke_model(modelId=CLAUDE, body=body)["ResponseMetadata"]["HTTPStatusCode"] == 200
    stranger = boto3.Session(aws_access_key_id="AKIDCONFORMANCE", aws_secret_access_key="wrong")
    with pytest.raises(ClientError) as caught:
        stranger.client("bedrock-runtime").invoke_model(modelId=CLAUDE, body=body)
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    records.take(2)
    assert len(upstream.requests()) == 1
