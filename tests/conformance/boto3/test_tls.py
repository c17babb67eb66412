"""The TLS listener: boto3 over HTTP/1.1, and a client that chooses HTTP/2 by ALPN, both on one port.

With `tls.client_ca` boto3 shows a certificate of its own, which alone, or beside its signature, says who it is.
"""

import json
import ssl
import subprocess

import boto3
import harness
import httpx
import pytest
import trustme
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

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


class Mutual:
    """Hardpan asking for certificates, an authority it trusts, and one it does not."""

    def __init__(self, hardpan, folder):
        self.hardpan = hardpan
        self.folder = folder

    def client(self, certificate=None, signed=False):
        """boto3 showing a certificate; unless it signs too, the certificate is all it shows."""
        more = {} if signed else {"signature_version": UNSIGNED}
        if certificate:
            more["client_cert"] = tuple(str(self.folder / f"{certificate}.{part}") for part in ("pem", "key"))
        return boto3.Session().client(
            "bedrock-runtime",
            endpoint_url=f"https://127.0.0.1:{self.hardpan.port}",
            verify=str(self.folder / "trusted" / "ca.pem"),
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, **more),
        )

    def records(self, count):
        """All records there are, once there are so many."""
        path = self.hardpan.records

        def enough():
            lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
            return len(lines) >= count and [json.loads(line) for line in lines]

        records = self.hardpan.program.wait_until(enough) if count else enough() or []
        assert len(records) == count, f"{len(records)} records, expected {count}"
        return records


def hardpan_ca(*arguments):
    made = subprocess.run([harness.hardpan_binary(), "ca", *arguments], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr


@pytest.fixture
def mutual(stack, simulator, tmp_path):
    """The environment is an application's; its keys are those of the app `orders-bot`."""
    for authority, clients in {"trusted": ("orders", "billing", "nobody"), "foreign": ("orders",)}.items():
        folder = tmp_path / authority
        hardpan_ca("new", "--dir", folder, "--name", "127.0.0.1")
        for client in clients:
            hardpan_ca("issue", "--dir", folder, "--out", client, "--client", client)
    trusted = tmp_path / "trusted"
    with harness.Hardpan(
        "hardpan-mtls",
        harness.CONFIG / "mtls.yaml",
        simulator,
        tmp_path,
        HARDPAN_TLS_CERTIFICATE=str(trusted / "server.pem"),
        HARDPAN_TLS_KEY=str(trusted / "server.key"),
        HARDPAN_TLS_CLIENT_CA=str(trusted / "ca.pem"),
    ) as hardpan:
        yield Mutual(hardpan, tmp_path)


def say_hello(client):
    messages = [{"role": "user", "content": [{"text": "mail zoe@example.org"}]}]
    answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=messages)
    assert answer["output"]["message"]["content"][0]["text"] == "You said: mail zoe@example.org"
    events = client.converse_stream(modelId="amazon.nova-lite-v1:0", messages=messages)["stream"]
    assert "metadata" in list(events)[-1]


@pytest.mark.parametrize("signed", [False, True])
def test_boto3_is_known_by_its_client_certificate(mutual, signed):
    say_hello(mutual.client("trusted/orders", signed=signed))
    for record in mutual.records(2):
        assert (record["status"], record["principal"]["app"]) == (200, "orders-bot")


@pytest.mark.parametrize("certificate", [None, "foreign/orders"])
@pytest.mark.parametrize("signed", [False, True])
def test_without_a_certificate_of_the_authority_there_is_no_connection(mutual, certificate, signed):
    """Not even for an app whose signature is good: the handshake fails before a byte of HTTP."""
    with pytest.raises((ConnectionError, HTTPClientError)):
        say_hello(mutual.client(certificate, signed=signed))
    assert mutual.records(0) == []


@pytest.mark.parametrize(
    ("certificate", "signed", "code", "error"),
    [
        ("trusted/nobody", False, "MissingAuthenticationTokenException", "unidentified"),
        ("trusted/billing", True, "InvalidSignatureException", "conflicting_credentials"),
    ],
)
def test_a_certificate_of_nobody_or_of_another_app_is_refused(mutual, certificate, signed, code, error):
    with pytest.raises(ClientError) as refused:
        say_hello(mutual.client(certificate, signed=signed))
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    (record,) = mutual.records(1)
    assert (record["status"], record["error"]) == (403, error)
