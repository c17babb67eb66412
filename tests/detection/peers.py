#!/usr/bin/env python3
"""Runs rivals over the same labelled texts as Hardpan, on this machine, and prints one table.

    peers.py [--rows N] [--seed N]

For a look, not for a verdict: rivals are taken from the package index as they are today, a sample of the rows is
read, and nothing is kept in the repository. Presidio runs its patterns with a tokenizer and no model; LiteLLM's
content filter runs its patterns for personal data, where this version of it can be imported. What cannot be run is
named with its reason. Exit status 0 unless Hardpan itself could not be run.
"""

import argparse
import json
import logging
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import detect

ROWS = 1500


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=ROWS, help=f"rows of each file that are read ({ROWS})")
    arguments.add_argument("--seed", type=int, default=1, help="which rows they are (1)")
    options = arguments.parse_args()
    corpora = detect.shared_folder() / "corpora"
    scorer = corpora / "score_pii.py"
    files = [corpora / "pii_dev.jsonl", corpora / "benign_dev.jsonl"]
    for path in (*files, scorer):
        if not path.is_file():
            print(f"detect-peers: skipped, {path} is absent (name the folder in HARDPAN_SHARED)")
            return 0
    with tempfile.TemporaryDirectory(prefix="hardpan-peers-") as scratch:
        folder = pathlib.Path(scratch)
        gold, benign = (sample(path, options, folder) for path in files)
        texts = [json.loads(line) for path in (gold, benign) for line in path.open(encoding="utf-8")]
        megabytes = sum(len(row["text"].encode()) for row in texts) / 1e6
        print(f"{len(texts)} rows, {megabytes:.2f} MB, seed {options.seed}")
        rows = [hardpan(gold, benign, folder, megabytes, scorer)]
        if rows[0] is None:
            return 1
        for name, make in (("Presidio patterns", presidio), ("LiteLLM content filter", litellm)):
            rows.append(rival(name, make, texts, gold, benign, folder, megabytes, scorer))
    head = ["tool", "structured P/R/F1", "exact F1", "secrets P/R/F1", "hard negatives", "free rows", "MB/s, one thread"]
    detect.table("The same rows, today's versions", head, rows)
    return 0


def sample(path, options, folder):
    lines = path.read_text(encoding="utf-8").splitlines()
    chosen = random.Random(options.seed).sample(range(len(lines)), min(options.rows, len(lines)))
    out = folder / path.name
    out.write_text("".join(lines[index] + "\n" for index in sorted(chosen)), encoding="utf-8")
    return out


def hardpan(gold, benign, folder, megabytes, scorer):
    predictions = folder / "hardpan.jsonl"
    binary = detect.binary()
    if binary is None:
        return None
    began = time.monotonic()
    with predictions.open("wb") as out:
        command = [binary, "scan", "--only", "pii", "--jobs", "1", "--quiet", gold, benign]
        run = subprocess.run(command, stdout=out, check=False)
    seconds = time.monotonic() - began
    if run.returncode != 0:
        print(f"detect-peers: FAILED: the scan ended with status {run.returncode}")
        return None
    return row("Hardpan (this build)", predictions, gold, benign, folder, megabytes / seconds, scorer)


def rival(name, make, texts, gold, benign, folder, megabytes, scorer):
    try:
        name, find = make()
    except Exception as error:  # noqa: BLE001: whatever a foreign package raises, the others shall run
        return [f"{name}: not run, {type(error).__name__}", None, None, None, None, None, None]
    predictions = folder / "rival.jsonl"
    began = time.process_time()
    with predictions.open("w", encoding="utf-8") as out:
        for text in texts:
            spans = [{"start": s, "end": e, "type": kind} for s, e, kind in find(text["text"])]
            out.write(json.dumps({"id": text["id"], "spans": spans}) + "\n")
    seconds = time.process_time() - began
    return row(name, predictions, gold, benign, folder, megabytes / max(seconds, 1e-9), scorer)


def row(name, predictions, gold, benign, folder, speed, scorer):
    figures = folder / "figures.json"
    command = [sys.executable, scorer, "--gold", gold, "--benign", benign, "--pred", predictions, "--json", figures]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    found = json.loads(figures.read_text(encoding="utf-8"))

    def group(key):
        group = found["groups"].get(key)
        return group and detect.triple(*(group[measure] for measure in ("precision", "recall", "f1")))

    exact = found["groups"]["STRUCTURED"]["exact_f1"]
    negatives = found.get("hard_negative", {}).get("rate")
    return [name, group("STRUCTURED"), f"{exact:.3f}", group("SECRETS"), detect.percent(negatives),
            detect.percent(found["benign"]["rate"]), f"{speed:.2f}"]  # fmt: skip


def presidio():
    import presidio_analyzer
    import spacy
    from importlib.metadata import version
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

    # It warns of every recogniser of another language, and of a list of domains it would rather fetch.
    logging.disable(logging.CRITICAL)

    class Tokenizer(NlpEngine):
        """Tokens and nothing else: no model is loaded, so names and places are not found."""

        def __init__(self):
            self.nlp = spacy.blank("en")

        def load(self):
            pass

        def is_loaded(self):
            return True

        def process_text(self, text, language):
            document = self.nlp(text)
            words = [token.text.lower() for token in document]
            return NlpArtifacts([], document, [token.idx for token in document], words, self, language)

        def process_batch(self, texts, language, **_):
            for text in texts:
                yield text, self.process_text(text, language)

        def is_stopword(self, word, language):
            return self.nlp.vocab[word].is_stop

        def is_punct(self, word, language):
            return self.nlp.vocab[word].is_punct

        def get_supported_entities(self):
            return []

        def get_supported_languages(self):
            return ["en"]

    registry = presidio_analyzer.RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.recognizers = [own for own in registry.recognizers if "Spacy" not in type(own).__name__]
    engine = presidio_analyzer.AnalyzerEngine(
        registry=registry, nlp_engine=Tokenizer(), supported_languages=["en"], default_score_threshold=0.4
    )

    def find(text):
        return [(found.start, found.end, found.entity_type) for found in engine.analyze(text, language="en")]

    return f"Presidio {version('presidio-analyzer')} patterns, score >= 0.4", find


def litellm():
    from importlib.metadata import version
    from importlib.util import find_spec

    # Its patterns alone: importing the filter takes a whole proxy along.
    folder = pathlib.Path(find_spec("litellm").submodule_search_locations[0])
    file = folder / "proxy" / "guardrails" / "guardrail_hooks" / "litellm_content_filter" / "patterns.json"
    kinds = {
        "us_ssn": "US_SSN", "us_ssn_no_dash": "US_SSN", "email": "EMAIL", "us_phone": "PHONE", "ipv4": "IP_ADDRESS",
        "ipv6": "IP_ADDRESS", "visa": "CREDIT_CARD", "mastercard": "CREDIT_CARD", "amex": "CREDIT_CARD",
        "discover": "CREDIT_CARD", "iban": "IBAN_CODE", "aws_access_key": "AWS_ACCESS_KEY", "github_token": "API_KEY",
    }  # fmt: skip
    table = {entry["name"]: entry["pattern"] for entry in json.loads(file.read_text(encoding="utf-8"))["patterns"]}
    compiled = [(kind, re.compile(table[name], re.IGNORECASE)) for name, kind in kinds.items() if name in table]
    if not compiled:
        raise LookupError("its patterns have other names")

    def find(text):
        return [(*match.span(), kind) for kind, pattern in compiled for match in pattern.finditer(text)]

    return f"LiteLLM {version('litellm')} content filter, {len(compiled)} patterns", find


if __name__ == "__main__":
    sys.exit(main())
