"""Every verb of every shipped policy, in Hardpan's engine and in an independent one, over mutated inputs.

The other engine is rego-cpp (`regopy`). Inputs are the fixtures with members left out, emptied, or of another value or
type; data grants enough that rules have something to say. Where Hardpan raises an error it denies, so an error may
stand against any answer; every other difference fails, unless `is_known` has its reason.

    python tests/rego/cross_check.py [--inputs N]
"""

import argparse
import copy
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies" / "rego"

DATA = {
    "teams": {
        "payments": {
            "models": ["us.anthropic.claude-sonnet-4-20250514-v1:0"],
            "model_families": ["nova-lite"],
            "regions": ["us-east-1"],
            "tools": ["get_weather", "db_query", "http_get"],
            "endpoints": ["llama-prod"],
            "knowledge_bases": ["KB12345678"],
            "operations": ["bedrock-agent-runtime.InvokeAgent"],
            "max_tokens": 1024,
        },
        "search": {"models": ["*"], "regions": ["*"], "tools": ["*"], "opaque_bodies": True},
    },
    "tools": {
        "db_query": {"read_only": True, "approval": {"approvers": ["finance"], "ttl_s": 600}},
        "http_get": {"hosts": ["api.example.com"]},
    },
    "retired_models": {"cohere.command-r-v1:0": "2026-01-01"},
    "exemptions": {
        "model_retired": [{"principal": {"team": "search"}, "expires": 1900000000}],
    },
}

# Values a mutation may put anywhere.
VALUES = [
    "", "x", "payments", "search", "us-east-1", "eu-west-1", "db_query", "http_get", "opaque", "*", 0, 1, -1, 0.5,
    1000000, True, False, [], ["get_weather"], ["x", 1], {}, {"x": 1}, {"query": "SELECT 1"}, {"query": "drop table t"},
    {"url": "https://api.example.com/v1"}, {"url": "https://api.example.com.evil.test/"},
    {"EMAIL": 2}, {"US_SSN": 1}, "model:invoke", "tool:use",
]

def is_known(verb, document):
    """Rego orders values of different types; the other engine finds such comparisons undefined."""
    signals = document.get("signals")
    compared = [signals.get(name, 0) for name in ("secrets", "injection")] if isinstance(signals, dict) else []
    types = signals.get("pii") if isinstance(signals, dict) else None
    compared += types.values() if isinstance(types, dict) else []
    is_number = lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)
    return verb.startswith("data.policy.org.guardrails.") and not all(map(is_number, compared))


def paths(value, path=()):
    for key, member in value.items() if isinstance(value, dict) else ():
        yield (*path, key)
        yield from paths(member, (*path, key))


def mutated(dice, fixture):
    document = copy.deepcopy(fixture)
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        path = dice.choice([path for path in paths(document)])
        holder = document
        for name in path[:-1]:
            holder = holder[name]
        if dice.random() < 0.3:
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(dice.choice(VALUES))
    return document


def inputs(count):
    """The fixtures, then mutations of them; those without an action are no question and are left out."""
    fixtures = [json.loads(path.read_text()) for path in sorted((POLICIES / "fixtures").glob("*.json"))]
    actions = ["model:invoke", "endpoint:invoke", "kb:retrieve", "api:call", "tool:use"]
    dice = random.Random(7)
    documents = list(fixtures)
    while len(documents) < count:
        document = mutated(dice, dice.choice(fixtures))
        if document.get("action") in actions and document not in documents:
            documents.append(document)
    return documents


def ours(documents, data):
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    binary = os.environ.get("HARDPAN_BIN", str(ROOT / "target" / "debug" / "hardpan"))
    ran = subprocess.run(
        [binary, "policy", "eval", str(POLICIES), "--data", data, "--input", "-", "--batch", "--verbs"],
        input=lines, capture_output=True, text=True, check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


class Other:
    def __init__(self, interpreter):
        self.rego = interpreter()
        for path in sorted(POLICIES.rglob("*.rego")):
            if not path.name.endswith("_test.rego"):
                self.rego.add_module(str(path.relative_to(POLICIES)), path.read_text())
        self.rego.add_data(DATA)

    def values(self, document, verbs):
        self.rego.set_input(document)
        everything = self.ask("data.policy")
        # A rule in conflict with itself takes the whole document with it; then each verb is asked for alone.
        if everything is None:
            return {verb: self.ask(verb) or [] for verb in verbs}
        return {verb: within(everything, verb.split(".")[2:]) for verb in verbs}

    def ask(self, path):
        # A binding, because a rule whose value is false prints like one that is undefined.
        text = str(self.rego.query(f"x = {path}"))
        return json.loads(text)["bindings"]["x"] if text.startswith("{") else None


def within(value, path):
    for name in path:
        value = value.get(name, {})
    return value or []


def ordered(value):
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, dict):
        return {key: ordered(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=320)
    options = parser.parse_args()
    try:
        from regopy import Interpreter
    except ImportError as error:
        print(f"rego-cross: skipped, the other engine is not installed ({error})")
        return 0
    documents = inputs(options.inputs)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "grants.json"
        data.write_text(json.dumps(DATA))
        own = ours(documents, str(data))
    other = Other(Interpreter)
    equal, errors, known, nonempty, failures = 0, 0, 0, 0, []
    for document, answers in zip(documents, own, strict=True):
        theirs = other.values(document, answers)
        for verb, answer in answers.items():
            nonempty += bool(answer.get("value"))
            if "error" in answer:
                errors += 1
            elif ordered(answer["value"]) == ordered(theirs[verb]):
                equal += 1
            elif is_known(verb, document):
                known += 1
            else:
                failures.append((verb, answer["value"], theirs[verb], document))
    for verb, answer, theirs, document in failures[:10]:
        print(f"{verb}: {json.dumps(answer)} here, {json.dumps(theirs)} there, for {json.dumps(document)}")
    print(
        f"rego-cross: {len(documents)} inputs, {equal} of {equal + errors + known + len(failures)} answers equal "
        f"({nonempty} not empty), {errors} errors here, {known} known, {len(failures)} differ"
    )
    # Rules that never speak would agree with anything.
    return 1 if failures or nonempty < len(documents) else 0


if __name__ == "__main__":
    sys.exit(main())
