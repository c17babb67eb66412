#!/usr/bin/env python3
"""Measures the detectors on labelled texts, beside rivals' published columns, and holds them to committed floors.

    detect.py [--write] [--predictions FILE] [--keep DIRECTORY]

The labelled texts and their scorers lie in a folder beside the repository (HARDPAN_SHARED, default ../shared);
without it there is nothing to measure, which is said and is no failure. `hardpan scan` reads all of them in one run;
each figure is then compared with floors.json. With --write the floors are written anew from this run, a small margin
below it (above it, for false positives).

The rivals' columns (peers.json) were measured on other texts of the same making, which no developer of the detectors
has seen: beside ours they show the distance, not a ranking to the digit. It measures; it does not tune, sample or
retry. Exit status 0 when every figure kept its floor.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
FLOORS = HERE / "floors.json"
PEERS = HERE / "peers.json"

# How far below a figure its floor is written, and how far above a rate of false positives its ceiling.
MARGIN = 0.005
FALSE_POSITIVE_MARGIN = 0.001
PER_MEGABYTE_MARGIN = 0.5
# Of fewer labels than this one decides more than the margin; such a type is shown and has no floor of its own.
LABELS_MIN = 10

GROUPS = ("STRUCTURED", "SECRETS", "CONTEXTUAL")
TIERS = ("explicit", "wild", "mixed", "gcg", "semantic")


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--write", action="store_true", help="write the floors from this run")
    arguments.add_argument("--predictions", type=pathlib.Path, help="score these, and run nothing")
    arguments.add_argument("--keep", type=pathlib.Path, help="keep predictions and figures here")
    options = arguments.parse_args()
    corpora = shared_folder() / "corpora"
    texts = {name: corpora / f"{name}_dev.jsonl" for name in ("pii", "injection", "benign")}
    scorers = {name: corpora / f"score_{name}.py" for name in ("pii", "injection")}
    absent = [path for path in (*texts.values(), *scorers.values()) if not path.is_file()]
    if absent:
        print(f"detect: skipped, {absent[0]} is absent (name the folder in HARDPAN_SHARED)")
        return 0
    with tempfile.TemporaryDirectory(prefix="hardpan-detect-") as scratch:
        folder = options.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        predictions = options.predictions or scan(texts, folder)
        if predictions is None:
            return 1
        scores = {name: score(name, scorers[name], texts, predictions, folder) for name in scorers}
    if None in scores.values():
        return 1
    figures = figures_of(scores["pii"], scores["injection"])
    peers = json.loads(PEERS.read_text(encoding="utf-8"))
    show_types(scores["pii"], peers)
    show_pii(figures, peers)
    show_injection(figures, peers)
    if options.write:
        FLOORS.write_text(json.dumps(floors_from(figures), indent=2) + "\n", encoding="utf-8")
        print(f"detect: wrote {len(floors_from(figures))} floors to {FLOORS.relative_to(REPOSITORY)}")
        return 0
    return judge(figures)


def shared_folder():
    folder = pathlib.Path(os.environ.get("HARDPAN_SHARED") or "../shared")
    return folder if folder.is_absolute() else (REPOSITORY / folder).resolve()


def binary():
    path = pathlib.Path(os.environ.get("HARDPAN_BIN") or REPOSITORY / "target" / "debug" / "hardpan")
    if path.is_file():
        return path
    print(f"detect: FAILED: {path} is absent; `make build` makes it")
    return None


def scan(texts, folder):
    hardpan = binary()
    if hardpan is None:
        return None
    predictions = folder / "predictions.jsonl"
    with predictions.open("wb") as out:
        run = subprocess.run([hardpan, "scan", *texts.values()], stdout=out, check=False)
    if run.returncode != 0:
        print(f"detect: FAILED: the scan ended with status {run.returncode}")
        return None
    return predictions


def score(name, scorer, texts, predictions, folder):
    figures = folder / f"{name}.json"
    command = [
        sys.executable, scorer, "--gold", texts[name], "--benign", texts["benign"],
        "--pred", predictions, "--json", figures,
    ]  # fmt: skip
    run = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if run.returncode != 0 or not figures.is_file():
        print(f"detect: FAILED: the scorer of {name} ended with status {run.returncode}")
        return None
    return json.loads(figures.read_text(encoding="utf-8"))


class Figure:
    """One measured value between 0 and 1, or a count; `falls` says that lower is better."""

    def __init__(self, value, falls=False, margin=None):
        self.value = value
        self.falls = falls
        self.margin = margin if margin is not None else (FALSE_POSITIVE_MARGIN if falls else MARGIN)

    def floor(self):
        if self.falls:
            return round(self.value + self.margin, 4)
        return round(max(0.0, self.value - self.margin), 4)

    def keeps(self, floor):
        return self.value <= floor if self.falls else self.value >= floor


def figures_of(pii, injection):
    figures = {}
    for name, group in pii["groups"].items():
        if name in GROUPS:
            for measure in ("precision", "recall", "f1", "exact_f1", "macro_f1", "mask_spans"):
                figures[f"pii.{name}.{measure}"] = Figure(group[measure])
    for name, kind in pii["types"].items():
        if name not in ("NAME", "ADDRESS") and kind["gold"] >= LABELS_MIN:
            for measure in ("precision", "recall"):
                figures[f"pii.{name}.{measure}"] = Figure(kind[measure])
    figures["pii.hard_negative_rows"] = Figure(pii["hard_negative"]["rate"], falls=True)
    figures["pii.benign_rows"] = Figure(pii["benign"]["rate"], falls=True)
    figures["pii.benign_per_mb"] = Figure(pii["benign"]["fp_per_mb"], True, PER_MEGABYTE_MARGIN)
    figures["injection.recall"] = Figure(injection["recall"])
    figures["injection.precision"] = Figure(injection["precision"])
    for tier, counts in injection["tiers"].items():
        figures[f"injection.tier.{tier}"] = Figure(share([counts]))
    kinds = injection["kinds"]
    figures["injection.obfuscated"] = Figure(share(starting(kinds, "obfuscated")))
    figures["injection.indirect"] = Figure(share(starting(kinds, "indirect")))
    for kind, counts in kinds.items():
        if counts[1] >= LABELS_MIN:
            figures[f"injection.kind.{kind}"] = Figure(share([counts]))
    benign = injection["benign_kinds"]
    figures["injection.fpr.all"] = Figure(injection["fpr"], falls=True)
    for name in ("traffic", "hard_negative", "notinject"):
        figures[f"injection.fpr.{name}"] = Figure(share(starting(benign, name)), falls=True)
    for kind, counts in benign.items():
        if counts[1] >= LABELS_MIN:
            figures[f"injection.fpr.kind.{kind}"] = Figure(share([counts]), falls=True)
    return figures


def starting(counts, start):
    return [found for name, found in counts.items() if name.startswith(start)]


def share(counts):
    total = sum(count[1] for count in counts)
    return sum(count[0] for count in counts) / total if total else 0.0


def floors_from(figures):
    return {name: figures[name].floor() for name in sorted(figures)}


def judge(figures):
    floors = json.loads(FLOORS.read_text(encoding="utf-8")) if FLOORS.is_file() else {}
    if not floors:
        print(f"detect: FAILED: {FLOORS.relative_to(REPOSITORY)} is absent; `make detect WRITE=1` writes it")
        return 1
    failures = []
    for name, floor in floors.items():
        figure = figures.get(name)
        if figure is None:
            failures.append(f"{name} was not measured")
        elif not figure.keeps(floor):
            word = "above" if figure.falls else "below"
            failures.append(f"{name} is {figure.value:.4f}, {word} {floor:.4f}")
    for failure in failures:
        print(f"detect: {failure}")
    if failures:
        print(f"detect: FAILED: {len(failures)} of {len(floors)} figures do not keep their floors")
        return 1
    print(f"detect: passed, {len(floors)} figures keep their floors")
    return 0


def table(title, head, rows):
    """`rows` are lists of text; None is shown as a dash."""
    rows = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}")
    for row in [head, *rows]:
        cells = [cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())


def triple(*values):
    return None if None in values else "/".join(f"{value:.3f}" for value in values)


def percent(value):
    return None if value is None else f"{100 * value:.2f}%"


def show_types(pii, peers):
    best = peers["pii"]["types"]
    rows = []
    for name, kind in pii["types"].items():
        if name in ("NAME", "ADDRESS"):
            continue
        peer = best.get(name)
        rows.append([
            name, kind["gold"], f"{kind['precision']:.3f}", f"{kind['recall']:.3f}", f"{kind['f1']:.3f}",
            f"{kind['exact_f1']:.3f}", peer and f"{peer['f1']:.2f}", peer and peer["tool"],
        ])  # fmt: skip
    head = ["type", "labels", "P", "R", "F1", "exact F1", "best rival's F1", "rival"]
    table("Personal data and secrets by type", head, rows)


def show_pii(figures, peers):
    def group(name):
        return triple(*(figures[f"pii.{name}.{m}"].value for m in ("precision", "recall", "f1")))

    rows = [[
        "Hardpan", group("STRUCTURED"),
        f"{figures['pii.STRUCTURED.exact_f1'].value:.3f}", f"{figures['pii.STRUCTURED.macro_f1'].value:.3f}",
        group("SECRETS"), group("CONTEXTUAL"), percent(figures["pii.hard_negative_rows"].value),
        percent(figures["pii.benign_rows"].value), f"{figures['pii.benign_per_mb'].value:.1f}",
    ]]  # fmt: skip
    for peer in peers["pii"]["tools"]:
        rows.append([
            peer["tool"], peer["structured"] and triple(*peer["structured"]), peer["exact_f1"], peer["macro_f1"],
            peer["secrets"] and triple(*peer["secrets"]), peer["contextual"] and triple(*peer["contextual"]),
            percent(peer["hard_negative_rows"]), percent(peer["benign_rows"]), peer["benign_per_mb"],
        ])  # fmt: skip
    head = [
        "tool", "structured P/R/F1", "exact F1", "macro F1", "secrets P/R/F1", "contextual P/R/F1",
        "hard negatives", "free rows", "FP per MB",
    ]  # fmt: skip
    table("Personal data and secrets; rivals on held-out texts", head, rows)


def show_injection(figures, peers):
    tiers = [figures.get(f"injection.tier.{tier}") for tier in TIERS]
    shown = [percent(tier.value) if tier else None for tier in tiers]
    of = ("obfuscated", "indirect", "fpr.all", "fpr.traffic", "fpr.notinject", "fpr.hard_negative")
    rows = [["Hardpan", percent(figures["injection.recall"].value), *shown,
             *(percent(figures[f"injection.{name}"].value) for name in of)]]  # fmt: skip
    keys = ("recall", *TIERS, "obfuscated", "indirect", "fpr", "traffic", "notinject", "hard_negative")
    for peer in peers["injection"]["tools"]:
        rows.append([peer["tool"], *(percent(peer[key]) for key in keys)])
    head = [
        "detector", "recall", *TIERS, "obfuscated", "indirect", "FPR", "traffic", "NotInject", "hard negatives",
    ]  # fmt: skip
    table("Prompt injection; rivals on held-out texts", head, rows)
    kinds = {name.split("kind.", 1)[1]: figure for name, figure in figures.items() if ".kind." in name}
    rows = [[name, percent(figure.value), "false positives" if figure.falls else "recall"]
            for name, figure in sorted(kinds.items(), key=lambda item: (item[1].falls, item[0]))]  # fmt: skip
    table("Prompt injection by kind", ["kind", "share", "of"], rows)
    print()


if __name__ == "__main__":
    sys.exit(main())
