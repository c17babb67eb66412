#!/usr/bin/env python3
"""Replays recorded traffic through Hardpan: byte-exact with every guard off, by value with every guard on.

    replay.py [--operation REGEX] [--keep DIRECTORY]

Recorded traffic, its player and its client lie in a folder beside the repository (HARDPAN_SHARED, default
../shared); without it there is nothing to replay, which is said and is no failure. Two runs, one per example:

off  every row answered byte for byte as recorded; every request body reached the upstream byte for byte as
     sent, each under a valid signature made with the upstream's key; one record a row.
on   every row answered as recorded by value; one record a row. A row in which something was found had its
     request changed on purpose, so the player may have matched another recording: they are counted apart.

It compares; it does not repair, retry or sample. Exit status 0 when all of that held.
"""

import argparse
import base64
import collections
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

import harness

# Operations whose path names the model, by which rows and records are told apart.
OF_MODELS = {"Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"}
EXAMPLES = harness.REPOSITORY / "deploy" / "examples"
CLIENT_KEY = "AKIDHARDPANREPLAY"
CLIENT_SECRET = "hardpan-replay-secret-0123456789"
RECORD_SECONDS = 15
SHOWN = 10

# How the client words an answer that is whole and differs; anything else it says is an error on the way.
DIFFERENCE = re.compile(r"(status|content-type|body|event) |\d+ events, ")


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--operation", default=".*", help="replay the operations matching this")
    arguments.add_argument("--keep", type=pathlib.Path, help="keep logs, results and records here")
    options = arguments.parse_args()
    shared = shared_folder()
    traffic = shared / "traffic" / "bedrock_dev.jsonl"
    if not traffic.exists():
        print(f"replay: skipped, {traffic} is absent (name the folder in HARDPAN_SHARED)")
        return 0
    rows = [row for row in read_lines(traffic) if re.search(options.operation, row["operation"])]
    with tempfile.TemporaryDirectory(prefix="hardpan-replay-") as scratch:
        kept = options.keep or pathlib.Path(scratch)
        failed = 0
        for name, judge in (("off", judge_off), ("on", judge_on)):
            directory = kept / name
            directory.mkdir(parents=True, exist_ok=True)
            run = replay(name, shared, traffic, options.operation, rows, directory)
            failures, counts = judge(run)
            report(name, counts, failures)
            failed += len(failures)
    return 1 if failed else 0


def shared_folder():
    folder = pathlib.Path(os.environ.get("HARDPAN_SHARED") or "../shared")
    return folder if folder.is_absolute() else (harness.REPOSITORY / folder).resolve()


def read_lines(path):
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Run:
    """What one replay left behind: the rows asked, how each was answered, what arrived, what was recorded."""

    def __init__(self, rows, results, received, records):
        self.rows = rows
        self.results = results
        self.received = received
        self.records = records


def replay(name, shared, traffic, operation, rows, directory):
    arrived, results = directory / "upstream.jsonl", directory / "results.jsonl"
    # Left from an earlier run under --keep, they would be taken for this run's.
    for path in (arrived, results, directory / "hardpan-records.jsonl"):
        path.unlink(missing_ok=True)
    player = [
        sys.executable, str(shared / "tools" / "replay_upstream.py"), str(traffic), "--port", "0",
        "--chunk-size", "1-97", "--log", str(arrived),
        "--sigv4", f"{harness.UPSTREAM_KEY}:{harness.UPSTREAM_SECRET}", "--require-sigv4",
    ]  # fmt: skip
    upstream, url = harness.start_announcing("upstream", player, directory)
    config = EXAMPLES / f"replay-{name}.yaml"
    with upstream, harness.Hardpan("hardpan", config, url, directory, admin=False) as hardpan:
        client = [
            sys.executable, str(shared / "tools" / "replay_client.py"), str(traffic),
            "--base-url", hardpan.url,
            "--auth", "sigv4", "--access-key", CLIENT_KEY, "--secret-key", CLIENT_SECRET, "--quiet",
            "--operation", operation, "--json", str(results),
        ]  # fmt: skip
        # Its exit status says less than its results, which are judged row by row.
        subprocess.run(client, env=harness.environment(), check=False)
        wait_for_lines(hardpan.records, len(rows))
    return Run(rows, read_lines(results), read_lines(arrived), read_lines(hardpan.records))


def wait_for_lines(path, count):
    deadline = time.monotonic() + RECORD_SECONDS
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)


def judge_off(run):
    failures = missing_results(run)
    exact = [result for result in run.results if result["pass"] and result["exact"]]
    for result in run.results:
        if not result["pass"]:
            failures.append(f"{result['id']} {result['operation']}: {result['why']}")
        elif not result["exact"]:
            failures.append(f"{result['id']} {result['operation']}: equal by value, not by bytes")
    failures += altered_requests(run, lambda body_sha256: body_sha256)
    failures += unsigned_requests(run)
    failures += [problem for problem, _ in pair_records(run) if problem]
    counts = {
        "rows": len(run.rows),
        "passed": sum(result["pass"] for result in run.results),
        "byte-exact": len(exact),
        "received": len(run.received),
        "signed": sum(entry["sigv4"] == "valid" for entry in run.received),
        "records": len(run.records),
    }
    return failures, counts


def judge_on(run):
    # Bodies may be changed on the way here, requests may not be held back.
    failures = missing_results(run) + unsigned_requests(run) + altered_requests(run, lambda _: "any body")
    results = {result["id"]: result for result in run.results}
    found = changed = 0
    for problem, pair in pair_records(run):
        if problem:
            failures.append(problem)
            continue
        row, record = pair
        result = results.get(row["id"])
        if result is None:
            continue
        if sum(record["findings"].values()) > 0:
            found += 1
            changed += not result["pass"]
            # Whatever was found, an answer must arrive whole: one that is torn is a failure all the same.
            if not result["pass"] and not DIFFERENCE.match(result["why"]):
                failures.append(f"{row['id']} {row['operation']}: {result['why']} (something was found)")
        elif not result["pass"]:
            failures.append(f"{row['id']} {row['operation']}: {result['why']}")
    counts = {
        "rows": len(run.rows),
        "passed": sum(result["pass"] for result in run.results),
        "byte-exact": sum(result["exact"] for result in run.results),
        "with findings": found,
        "of these answered otherwise": changed,
        "received": len(run.received),
        "signed": sum(entry["sigv4"] == "valid" for entry in run.received),
        "records": len(run.records),
    }
    return failures, counts


def missing_results(run):
    if not run.rows:
        return ["no recorded row matches the operation"]
    answered = {result["id"] for result in run.results}
    return [f"{row['id']} {row['operation']}: no result" for row in run.rows if row["id"] not in answered]


def altered_requests(run, seen):
    """Requests that reached the upstream otherwise than they were sent, or more or less often.

    `seen` says how much of a body's digest is compared.
    """

    def sent(row):
        digest = hashlib.sha256(base64.b64decode(row["request"]["body_b64"])).hexdigest()
        return identity(row["request"]["method"], row["request"]["path"], seen(digest))

    def arrived(entry):
        return identity(entry["method"], entry["target"], seen(entry["body_sha256"]))

    expected = collections.Counter(sent(row) for row in run.rows)
    got = collections.Counter(arrived(entry) for entry in run.received)
    return [
        *(f"sent and not received as sent: {key} ({count})" for key, count in (expected - got).items()),
        *(f"received and never sent: {key} ({count})" for key, count in (got - expected).items()),
    ]


def identity(method, path, body):
    # A model id may be written with a raw or an encoded colon; both name the same model.
    return f"{method} {urllib.parse.unquote(path)} {body}"


def unsigned_requests(run):
    return [
        f"request {entry['n']} to {entry['target']}: signature {entry['sigv4']}"
        for entry in run.received
        if entry["sigv4"] != "valid"
    ]


def pair_records(run):
    """Each row with its record, as (problem, None) or (None, (row, record)).

    A record does not name the row it belongs to. Rows were asked one at a time, so within one operation and
    model the n-th row is the n-th record's.
    """

    def subject(operation, model):
        return f"{operation} {urllib.parse.unquote(model or '') if operation in OF_MODELS else ''}"

    waiting = collections.defaultdict(collections.deque)
    for record in run.records:
        waiting[subject(record["operation"], record["model_requested"])].append(record)
    for row in run.rows:
        queue = waiting[subject(row["operation"], row["model"])]
        if queue:
            yield None, (row, queue.popleft())
        else:
            yield f"{row['id']} {row['operation']}: no record", None
    for name, queue in waiting.items():
        if queue:
            yield f"{len(queue)} records without a row: {name}", None


def report(name, counts, failures):
    for failure in failures[:SHOWN]:
        print(f"replay {name}: FAILED {failure}")
    if len(failures) > SHOWN:
        print(f"replay {name}: … and {len(failures) - SHOWN} more")
    figures = ", ".join(f"{what} {count}" for what, count in counts.items())
    print(
        f"replay {name}: {'FAILED' if failures else 'passed'}: {figures}, failures {len(failures)}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
