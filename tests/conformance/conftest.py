"""The stage for the Python suites: simulator, relay and Hardpan on free ports, an application's environment.

A client here is its vendor's own, with no hook: the endpoint variables and the keys in the environment
make it talk to Hardpan, as in a deployment. The tests run one after another; a fixture's view of records and
wire starts where its test starts.
"""

import datetime
import json
import time

import boto3
import harness
import pytest

from wire import Wire

APP_KEY = "AKIDCONFORMANCE"
APP_SECRET = "conformance-secret-000000"
# An application of another team, granted batch jobs and nothing else.
BATCH_KEY = "AKIDBATCH"
BATCH_SECRET = "batch-secret-000000"
RECORD_SECONDS = 15

SERVICES = ("BEDROCK_RUNTIME", "BEDROCK_AGENT_RUNTIME", "SAGEMAKER_RUNTIME", "BEDROCK", "BEDROCK_AGENTCORE")

# What no log, record or metric may ever hold. Tests add to it through the fixture `confidential`.
NEVER_WRITTEN = {APP_SECRET, BATCH_SECRET, harness.UPSTREAM_SECRET}


class Stack:
    def __init__(self, hardpan, wire):
        self.hardpan = hardpan
        self.wire = wire

    def written(self):
        """Everything Hardpan wrote for an operator: its log, its records, its metrics."""
        records = self.hardpan.records
        return {
            "log": self.hardpan.program.output(),
            "records": records.read_text(encoding="utf-8") if records.exists() else "",
            "metrics": self.hardpan.metrics(),
        }


def application_environment(patch, url):
    """The whole of what an application changes to be governed."""
    for name in (
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_MAX_ATTEMPTS",
        "AWS_RETRY_MODE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_REGION",
        "AWS_BEDROCK_BASE_URL",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AWS_API_KEY",
        "OPENAI_API_KEY",
    ):
        patch.delenv(name, raising=False)
    for service in SERVICES:
        patch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
    patch.setenv("ANTHROPIC_BEDROCK_BASE_URL", url)
    patch.setenv("ANTHROPIC_BEDROCK_MANTLE_BASE_URL", f"{url}/anthropic")
    patch.setenv("OPENAI_BASE_URL", f"{url}/openai/v1")
    patch.setenv("AWS_ACCESS_KEY_ID", APP_KEY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", APP_SECRET)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # The machine's own settings must not reach the clients: profiles, instance roles, proxies.
    patch.setenv("AWS_CONFIG_FILE", "/dev/null")
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("NO_PROXY", "127.0.0.1")
    patch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="session")
def simulator(tmp_path_factory):
    program, url = harness.start_simulator(tmp_path_factory.mktemp("simulator"))
    with program:
        yield url


@pytest.fixture(scope="session")
def stack(simulator, tmp_path_factory):
    directory = tmp_path_factory.mktemp("hardpan")
    wire = Wire(simulator)
    with harness.Hardpan("hardpan", harness.CONFIG / "hardpan.yaml", wire.url, directory) as hardpan:
        with pytest.MonkeyPatch.context() as patch:
            application_environment(patch, hardpan.url)
            yield Stack(hardpan, wire)
        # The last word of the run, over all it did: nothing confidential was written anywhere.
        written = Stack(hardpan, wire).written()
    wire.close()
    for place, text in written.items():
        leaked = [value for value in NEVER_WRITTEN if value in text]
        assert not leaked, f"{len(leaked)} confidential values in the {place}"
    assert "panicked" not in written["log"], written["log"]


@pytest.fixture
def bedrock(stack):
    return boto3.Session().client("bedrock-runtime")


@pytest.fixture
def confidential():
    """Marks values that may be sent to Hardpan and never written by it, then or later in the run."""

    def mark(*values):
        NEVER_WRITTEN.update(values)
        return values[0] if len(values) == 1 else values

    return mark


class Records:
    """The audit records of the requests that began since this was made.

    A record is written after its answer, so one of an earlier test's may come late: what counts is when
    its request began.
    """

    def __init__(self, path):
        self.path = path
        self.began = datetime.datetime.now(datetime.timezone.utc)
        self.taken = 0

    def _records(self):
        """Those not yet taken, by when their requests began."""
        if not self.path.exists():
            return []
        # The last line counts once it is whole.
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        records = sorted((json.loads(line) for line in lines), key=lambda record: record["time"])
        # The record's time has milliseconds.
        began = self.began - datetime.timedelta(milliseconds=1)
        since = [record for record in records if datetime.datetime.fromisoformat(record["time"]) >= began]
        return since[self.taken :]

    def take(self, count):
        """Exactly `count` new records."""
        deadline = time.monotonic() + RECORD_SECONDS
        while len(self._records()) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        records = self._records()
        self.taken += len(records)
        assert len(records) == count, f"{len(records)} records, expected {count}"
        return records

    def one(self):
        return self.take(1)[0]

    def ending(self, count):
        """The last `count` of however many there are, once no more come."""
        deadline = time.monotonic() + RECORD_SECONDS
        seen = -1
        while time.monotonic() < deadline:
            now = len(self._records())
            if now >= count and now == seen:
                break
            seen = now
            time.sleep(0.5)
        return self._records()[-count:]


@pytest.fixture
def records(stack):
    return Records(stack.hardpan.records)


@pytest.fixture
def upstream(stack):
    stack.wire.forget()
    return stack.wire


@pytest.fixture
def limited(simulator, tmp_path_factory, monkeypatch):
    """Starts a further Hardpan over a named configuration and points the environment at it."""
    started = []

    def start(config):
        directory = tmp_path_factory.mktemp("limited")
        hardpan = harness.Hardpan(config, harness.CONFIG / f"{config}.yaml", simulator, directory)
        started.append(hardpan)
        application_environment(monkeypatch, hardpan.url)
        return hardpan

    yield start
    for hardpan in started:
        hardpan.program.stop()
