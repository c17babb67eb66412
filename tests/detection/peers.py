#!/usr/bin/env python3
"""Runs rivals over the same labelled texts as Hardpan, on this machine and in one run, and prints one table.

    peers.py [--rows N] [--seed N] [--seconds N] [--types]

Rivals are what the package index has today, configured as well as they can be without a model: none is fetched. Each
runs in a process of its own, on one thread, within a limit of time and of memory; one that is not through its texts by
then is scored on those it read, and the table says how many. What cannot be run is named with its reason.

It holds nothing to a floor and writes nothing: the table is copied into docs/DETECTION.md by hand. The texts are known
to Hardpan's developers and not to its rivals' (detect.py says more). Exit status 0 unless Hardpan could not be run.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

import detect

# Each of five rivals may take this long, and a text that was begun a little longer: under ten minutes for all.
SECONDS = 80
GRACE_SECONDS = 20
# A rival's address space. The largest takes a quarter of it.
MEMORY_BYTES = 4 << 30
# Hardpan reads its texts once and again until so much was read; the difference is what they cost without the start.
# It remembers no text from one pass to the next.
FURTHER_BYTES = 64e6
ROUNDS = 3
# LiteLLM's comparison reads some hundred bytes in a second, so it gets the shortest rows.
SHORT_BYTES = 120
SHORT_SECONDS = 30

RIVALS = pathlib.Path(__file__).resolve().parent / "rivals.py"
# What is run, in the order of the columns: its name, what it is, the rivals for personal data and for injection.
COLUMNS = [
    ("Presidio {}", "patterns and context words without a model, score >= 0.4", "presidio", None),
    ("LiteLLM {}, core", "content filter, 13 patterns and three categories", "litellm-core", "litellm-categories"),
    ("LiteLLM {}, wide", "content filter, 49 patterns and a template more", "litellm-wide", "litellm-template"),
    (
        "LiteLLM {}, similarity",
        f"its comparison with phrases, rows of at most {SHORT_BYTES} bytes; rows found of rows",
        None,
        "litellm-heuristic",
    ),
]


def main():
    options = arguments()
    corpora = detect.shared_folder() / "corpora"
    files = {name: corpora / f"{name}_dev.jsonl" for name in ("pii", "injection", "benign")}
    scorers = {name: corpora / f"score_{name}.py" for name in ("pii", "injection")}
    for path in (*files.values(), *scorers.values()):
        if not path.is_file():
            print(f"detect-peers: skipped, {path} is absent (name the folder in HARDPAN_SHARED)")
            return 0
    binary = detect.binary()
    if binary is None:
        return 1
    with tempfile.TemporaryDirectory(prefix="hardpan-peers-") as scratch:
        tasks = {
            name: Task(name, [files[name], files["benign"]], scorers[name], pathlib.Path(scratch), options)
            for name in scorers
        }
        columns = [hardpan(binary, tasks)]
        if columns[0] is None:
            return 1
        columns += [rival(tasks, options.seconds, *column) for column in COLUMNS]
    date = datetime.datetime.now(datetime.timezone.utc).date()
    about = ", ".join(f"{task.name} {task.rows} rows and {task.volume / 1e6:.2f} MB" for task in tasks.values())
    show(f"The same texts in one run, {date}, seed {options.seed}: {about}", columns)
    if options.types:
        show_types(columns)
    return 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="rows of each file that are read (all)")
    parser.add_argument("--seed", type=int, default=1, help="their order, and which they are (1)")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"for each rival ({SECONDS})")
    parser.add_argument("--types", action="store_true", help="one more table, by type")
    return parser.parse_args()


class Task:
    """The texts one kind of detector reads, in an order that does not tell their labels, and how they are scored."""

    def __init__(self, name, files, scorer, folder, options):
        self.name, self.scorer, self.folder = name, scorer, folder
        chosen = random.Random(options.seed)
        self.lines = []
        for at, path in enumerate(files):
            # Texts hold line separators of Unicode, at which `splitlines` would break a row.
            lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
            lines = chosen.sample(lines, min(options.rows or len(lines), len(lines)))
            self.lines += [(("gold", "benign")[at], line) for line in lines]
        chosen.shuffle(self.lines)
        self.rows = len(self.lines)
        self.volume = sum(size(line) for _, line in self.lines)

    def written(self, name, lines):
        path = self.folder / f"{self.name}-{name}.jsonl"
        path.write_text("".join(line + "\n" for _, line in lines), encoding="utf-8")
        return path

    def score(self, predictions, lines):
        """The scorer's figures over the rows that were read, and no others."""
        parts = {kind: [line for line in lines if line[0] == kind] for kind in ("gold", "benign")}
        paths = {kind: self.written(kind, part) for kind, part in parts.items()}
        figures = self.folder / "figures.json"
        command = [
            sys.executable, self.scorer, "--gold", paths["gold"], "--benign", paths["benign"],
            "--pred", predictions, "--json", figures,
        ]  # fmt: skip
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return json.loads(figures.read_text(encoding="utf-8"))


def size(line):
    return len(json.loads(line)["text"].encode())


class Column:
    """What is known of one contestant; figures that were not measured are None."""

    def __init__(self, name, about):
        self.name = name
        self.about = about
        self.figures = {}
        self.speed = {}
        self.memory = 0
        # Of a part of the rows: shares would claim too much.
        self.counted = False
        self.notes = []


def hardpan(binary, tasks):
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    column = Column(version.strip().capitalize() or "Hardpan", "this build, every type, a process that runs already")
    for name, task in tasks.items():
        texts, predictions = task.written("texts", task.lines), task.folder / "hardpan.jsonl"
        command = [binary, "scan", "--only", name, "--jobs", "1", "--quiet"]
        further = math.ceil(FURTHER_BYTES / task.volume)
        seconds = []
        for _ in range(ROUNDS):
            once = run([*command, texts], predictions)
            often = run([*command, *[texts] * (1 + further)], task.folder / "again.jsonl")
            for ended in (once, often):
                if ended.status != 0:
                    print(f"detect-peers: FAILED: the scan ended with status {ended.status}")
                    return None
            seconds.append(often.seconds - once.seconds)
            column.memory = max(column.memory, once.memory)
        column.speed[name] = task.volume * further / max(statistics.median(seconds), 1e-3)
        column.figures[name] = task.score(predictions, task.lines)
    return column


def rival(tasks, seconds, title, about, *names):
    column = Column(title.format("?"), about)
    for task, name in zip(tasks.values(), names):
        if name is None:
            continue
        lines = task.lines
        if name == "litellm-heuristic":
            lines = [line for line in lines if size(line[1]) <= SHORT_BYTES]
            seconds = min(seconds, SHORT_SECONDS)
        texts, predictions = task.written("texts", lines), task.folder / f"{name}.jsonl"
        said = task.folder / f"{name}.said"
        command = [sys.executable, RIVALS, name, texts, predictions, str(seconds)]
        ended = run(command, said, limit_seconds=seconds + GRACE_SECONDS)
        try:
            told = json.loads(said.read_text(encoding="utf-8").splitlines()[-1])
        except (ValueError, IndexError):
            column.notes.append(f"{name} was not run: {ended.reason}")
            continue
        if told["rows"] == 0:
            column.notes.append(f"{name} read no text in {seconds} s")
            continue
        if told["rows"] < task.rows:
            column.counted = True
            column.notes.append(f"{name} read {told['rows']} rows")
        column.name = title.format(told["version"])
        column.speed[task.name] = told["bytes"] / max(told["seconds"], 1e-9)
        column.memory = max(column.memory, ended.memory)
        column.figures[task.name] = task.score(predictions, lines[: told["rows"]])
    return column


class Ended:
    def __init__(self, status, usage, reason):
        self.status, self.reason = status, reason
        self.seconds = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024


def run(command, out, limit_seconds=None):
    """Runs to the end or the limit. With a limit of time goes one of memory."""
    errors = out.with_suffix(".errors")
    bound = (lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))) if limit_seconds else None
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, preexec_fn=bound)
        timer = threading.Timer(limit_seconds or 600, os.kill, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    last = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    reason = "out of time" if process.returncode == -9 else " ".join(last)[:120] or "it said nothing"
    return Ended(process.returncode, usage, reason)


def show(title, columns):
    rows = []

    def measure(name, value):
        rows.append([name, *(value(column) for column in columns)])

    for group in detect.GROUPS:
        measure(f"{group.lower()} P/R/F1", lambda column: triple(pii(column, "groups", group)))
    measure("structured, exact F1", lambda column: exact(pii(column, "groups", "STRUCTURED")))
    measure("hard negatives flagged", lambda column: rate(pii(column, "hard_negative")))
    measure("free rows flagged", lambda column: rate(pii(column, "benign")))
    measure("personal data, MB/s", lambda column: speed(column, "pii"))
    for tier in ("explicit", "wild", "gcg"):
        measure(f"injection R, {tier}", lambda column: recall(column, "tiers", tier))
    for kind in ("obfuscated", "indirect"):
        measure(f"injection R, {kind}", lambda column: recall(column, "kinds", kind))
    measure("injection R, all", lambda column: recall(column, "tiers", ""))
    measure("injection FPR, all", lambda column: recall(column, "benign_kinds", ""))
    measure("injection FPR, traffic", lambda column: recall(column, "benign_kinds", "traffic"))
    measure("injection, MB/s", lambda column: speed(column, "injection"))
    measure("peak memory, MB", lambda column: f"{column.memory / 1e6:.0f}" if column.memory else None)
    detect.table(title, ["", *(column.name for column in columns)], rows)
    print("  Processor time of one core; R recall, FPR benign rows taken for attacks, – nothing of the kind is looked for")
    for column in columns:
        print(f"  {column.name}: {'; '.join([column.about, *column.notes])}")


def show_types(columns):
    columns = [column for column in columns if "pii" in column.figures]
    labels = {name: kind["gold"] for name, kind in columns[0].figures["pii"]["types"].items() if kind["gold"]}
    rows = [
        [name, count, *(triple(pii(column, "types", name)) for column in columns)]
        for name, count in labels.items()
        if name not in ("NAME", "ADDRESS")
    ]
    detect.table("P/R/F1 by type", ["type", "labels", *(column.name for column in columns)], rows)


def pii(column, *path):
    found = column.figures.get("pii")
    for name in path:
        found = (found or {}).get(name)
    return found


def triple(group):
    """A dash where nothing of the kind is looked for, and for what is found under the name of a sibling alone."""
    if not group or not group["recall"]:
        return None
    if not group["pred"]:
        return f"–/{group['recall']:.3f}/–"
    return detect.triple(*(group[measure] for measure in ("precision", "recall", "f1")))


def exact(group):
    return group and f"{group['exact_f1']:.3f}"


def rate(counted):
    return counted and detect.percent(counted["rate"])


def speed(column, task):
    found = column.speed.get(task)
    return found and (f"{found / 1e6:.2f}" if found >= 1e4 else f"{found / 1e6:.1g}")


def recall(column, table, start):
    """The share of rows called attacks among the kinds that start like this."""
    found = column.figures.get("injection")
    counts = found and detect.starting(found[table], start)
    if not counts:
        return None
    if column.counted:
        return "/".join(str(sum(part)) for part in zip(*counts))
    return detect.percent(detect.share(counts))


if __name__ == "__main__":
    sys.exit(main())
