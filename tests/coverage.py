#!/usr/bin/env python3
"""Writes docs/COVERAGE.md from what the integration tests proved, and fails where a cell has no proof.

It reads the notes of tests/integration/coverage (one JSON line for each cell), the table they dump, and the log of
the run that wrote them: a cell counts only if its test ran to its end and passed. It runs no test itself.
"""

import argparse
import difflib
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "COVERAGE.md"
PASSED = re.compile(r"^\s*PASS \[[^\]]*\]\s+(?:\([^)]*\)\s+)?hardpan::integration (\S+)", re.MULTILINE)
PROBLEMS_SHOWN = 200

HEAD = """# Coverage

What each guard does on each operation, plain and streamed. `make coverage` writes this file from the tests that prove
its cells (`tests/integration/coverage`, `tests/coverage.py`) and fails when a cell has no proof, when the test it names
did not run or failed, or when this file differs from what was proved. Do not edit it.

- **tN**: proved by the test with that number, listed below the table.
- **nN**: not applicable, for the reason with that number.
- **refused (tN)**: the operation is refused by name, whatever policy says; the test shows it.
"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--notes", type=pathlib.Path, required=True)
    arguments.add_argument("--log", type=pathlib.Path, required=True)
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()

    table_file = options.notes / "table.json"
    if not table_file.is_file() or not options.log.is_file():
        return fail(["no notes of a test run: run `make unit` first"])
    table = json.loads(table_file.read_text())
    passed = set(PASSED.findall(options.log.read_text(errors="replace")))
    proofs, problems = read_notes(options.notes, passed)
    cells = {}
    for row in table["rows"]:
        for column in table["columns"]:
            cell, problem = judge(row, column, proofs, passed)
            cells[key(row, column)] = cell
            if problem:
                problems.append(f"{row['service']} {row['operation']} {row['form']}, {column}: {problem}")
    known = set(cells)
    problems += [f"{' '.join(other)}: proved, but no row of the table" for other in proofs if other not in known]
    if problems:
        return fail(problems)
    document = render(table, cells)
    if options.write:
        DOCUMENT.write_text(document)
        print(f"coverage: {len(cells)} cells, written to {DOCUMENT.relative_to(ROOT)}")
        return 0
    committed = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    if committed != document:
        difference = difflib.unified_diff(
            committed.splitlines(), document.splitlines(), "docs/COVERAGE.md", "as proved", lineterm="", n=1
        )
        return fail([*difference, "docs/COVERAGE.md is not what was proved: run `make coverage WRITE=1` and commit"])
    print(f"coverage: passed, {len(cells)} cells")
    return 0


def key(row, column):
    return (row["service"], row["operation"], row["form"], column)


def read_notes(folder, passed):
    """The proofs by cell, and what the notes say went wrong."""
    proofs, problems = {}, []
    for file in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines() if line]
        if not lines or not lines[-1].get("ended"):
            problems.append(f"{file.name}: the test that wrote it died on its way")
            continue
        for note in lines[:-1]:
            proofs.setdefault(key(note, note["column"]), []).append(note)
        test = lines[-1]["test"]
        if test not in passed and not lines[-1]["failures"]:
            problems.append(f"{test} left notes, but the log does not show that it passed")
    return proofs, problems


def judge(row, column, proofs, passed):
    """The cell as (kind, text, detail), and why it does not stand, if it does not."""
    reason = row["reasons"].get(column)
    named = row["proved_by"].get(column)
    notes = proofs.get(key(row, column), [])
    if reason and (notes or named):
        return None, f"excused ({reason}) and proved at once"
    if reason:
        return ("n", reason, None), None
    if named:
        return ("t", named, None), None if named in passed else f"{named} did not run or failed"
    if not notes:
        return None, "no test proves it"
    for note in notes:
        if note["problem"]:
            return None, f"{note['test']}: {note['problem']}"
    if len(notes) > 1:
        return None, "proved twice: " + ", ".join(note["test"] for note in notes)
    note = notes[0]
    if note["test"] not in passed:
        # Its own cell held; others of the same test did not, and are named with their reasons.
        return None, f"{note['test']} failed on other operations"
    detail = row["unpriced"] if note["proof"] == "tokens counted" else None
    kind = "refused" if note["proof"] == "refused by name" else "t"
    return (kind, note["test"], detail), None


def render(table, cells):
    columns = table["columns"]
    tests, reasons = {}, {}
    services = {}
    for row in table["rows"]:
        services.setdefault(row["service"], []).append(row)

    def number(of, text):
        return of.setdefault(text, len(of) + 1)

    out = [HEAD]
    for service, rows in services.items():
        out.append(f"\n## {service}\n")
        out.append("| operation | form | " + " | ".join(columns) + " |")
        out.append("|---|---|" + "---|" * len(columns))
        for row in rows:
            texts = []
            for column in columns:
                kind, text, detail = cells[key(row, column)]
                if kind == "n":
                    texts.append(f"n{number(reasons, text)}")
                    continue
                mark = f"t{number(tests, text)}"
                if kind == "refused":
                    mark = f"refused ({mark})"
                if detail:
                    mark += f", n{number(reasons, detail)}"
                texts.append(mark)
            out.append(f"| {row['operation']} | {row['form']} | " + " | ".join(texts) + " |")
    out.append("\n## Tests\n")
    out += [f"- **t{at}**: proved by test `{text}`" for text, at in tests.items()]
    out.append("\n## Reasons\n")
    out += [f"- **n{at}**: not applicable, or limited, because {text}" for text, at in reasons.items()]
    return "\n".join(out) + "\n"


def fail(problems):
    for problem in problems[:PROBLEMS_SHOWN]:
        print(problem)
    if len(problems) > PROBLEMS_SHOWN:
        print(f"and {len(problems) - PROBLEMS_SHOWN} more")
    print(f"coverage: FAILED: {len(problems)} problems")
    return 1


if __name__ == "__main__":
    sys.exit(main())
