"""The TLS listener: boto3 over HTTP/1.1, and a client that chooses HTTP/2 by ALPN, both on one port."""

import ssl
import subprocess

import boto3
import harness
import httpx
import pytest
import trustme
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import APP_KEY, APP_SECRET

BODY = b'{"messages":[{"role":"user","content":[{"text":"mail zoe@example.org"}]}]}'
PATH = "/model/amazon.nova-lite-v1%3A0/converse"


@pytest.fixture(scope="module")
def tls(simulator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(server.cert_chain_pems):
        part.write_to_path(folder / "certificate.pem", append=number > 0)
    with harness.Hardpan(
        "hardpan-tls",
        harness.CONFIG / "tls.yaml",
        simulator,
        folder,
        HARDPAN_TLS_CERTIFICATE=str(folder / "certificate.pem"),
        HARDPAN_TLS_KEY=str(folder / "key.pem"),
    ) as hardpan:
        yield f"https://127.0.0.1:{hardpan.port}", str(folder / "ca.pem")


def test_boto3_over_tls(tls, stack):
    url, ca = tls
    bedrock = boto3.Session().client("bedrock-runtime", endpoint_url=url, verify=ca)
    messages = [{"role": "user", "content": [{"text": "mail zoe@example.org"}]}]
    answer = bedrock.converse(modelId="amazon.nova-lite-v1:0", messages=messages)
    assert answer["output"]["message"]["content"][0]["text"] == "You said: mail zoe@example.org"
    events = list(bedrock.converse_stream(modelId="amazon.nova-lite-v1:0", messages=messages)["stream"])
    assert "metadata" in events[-1]


def test_boto3_takes_a_bearer_token_over_tls_of_a_local_authority(simulator, tmp_path, monkeypatch):
    """boto3 sends tokens over TLS only: the authority and the certificate are those `hardpan ca` makes."""
    folder = tmp_path / "ca"
    made = subprocess.run(
        [harness.hardpan_binary(), "ca", "new", "--dir", folder, "--name", "127.0.0.1"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    keys = Credentials(APP_KEY, APP_SECRET)
    generator = pytest.importorskip("aws_bedrock_token_generator", reason="1.40 sends tokens over plain text too")
    token = generator.BedrockTokenGenerator().get_token(keys, "us-east-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", token)
    with harness.Hardpan(
        "hardpan-bearer",
        harness.CONFIG / "tls.yaml",
        simulator,
        tmp_path,
        HARDPAN_TLS_CERTIFICATE=str(folder / "server.pem"),
        HARDPAN_TLS_KEY=str(folder / "server.key"),
    ) as hardpan:
        url = f"https://127.0.0.1:{hardpan.port}"
        bedrock = boto3.Session().client("bedrock-runtime", endpoint_url=url, verify=str(folder / "ca.pem"))
        messages = [{"role": "user", "content": [{"text": "mail zoe@example.org"}]}]
        answer = bedrock.converse(modelId="amazon.nova-lite-v1:0", messages=messages)
        assert answer["output"]["message"]["content"][0]["text"] == "You said: mail zoe@example.org"


@pytest.mark.parametrize("http2", [True, False])
def test_the_protocol_is_chosen_by_alpn(tls, http2):
    url, ca = tls
    request = AWSRequest("POST", url + PATH, headers={"content-type": "application/json"}, data=BODY)
    SigV4Auth(Credentials(APP_KEY, APP_SECRET), "bedrock", "us-east-1").add_auth(request)
    with httpx.Client(http2=http2, verify=ssl.create_default_context(cafile=ca), trust_env=False) as client:
        answer = client.post(url + PATH, content=BODY, headers=dict(request.headers.items()))
        refused = client.post(url + PATH, content=BODY)
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert answer.json()["output"]["message"]["content"][0]["text"] == "You said: mail zoe@example.org"
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
