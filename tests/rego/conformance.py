"""OPA's conformance cases against the engine as Hardpan builds it.

The cases are no part of Hardpan: give the folder that holds them (`*.json` with `cases`, as swift-opa keeps them). It
prints how many pass, by suite, and never fails: Hardpan says in docs/POLICY.md which builtins it leaves out.

    python3 tests/rego/conformance.py FOLDER [--failing]
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess

# Suites of builtins that are deliberately not built in, and of syntax later than Rego v1 as of OPA 1.2.
LEFT_OUT = (
    "crypto", "jwt", "graphql", "netcidr", "netlookup", "providers", "rego", "rendertemplate", "http", "uuid", "yaml",
    "urlbuiltins", "jsonschema", "opa", "time_now", "rand", "cidr", "casts_yaml",
)
LATER_SYNTAX = ("refkeywords", "keywordrefs", "stringinterpolation", "templatestring")


def cases(folder):
    for path in sorted(folder.rglob("*.json")):
        try:
            document = json.loads(path.read_text())
        except ValueError:
            continue
        for case in document.get("cases", []) if isinstance(document, dict) else []:
            yield path.parent.name, case


def ordered(value):
    """Sets have no order in JSON."""
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, dict):
        return {key: ordered(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def passes(case, outcome):
    if case.get("want_error_code") or case.get("want_error"):
        return "error" in outcome
    if "error" in outcome:
        return False
    if case.get("want_defined") is not None:
        return bool(outcome["results"]) == case["want_defined"]
    wanted = case.get("want_result")
    if wanted is None:
        return not outcome["results"]
    return ordered(wanted) == ordered(outcome["results"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--failing", action="store_true", help="name every case that fails")
    options = parser.parse_args()
    found = list(cases(options.folder))
    if not found:
        raise SystemExit(f"conformance: no cases in {options.folder}")
    lines = [
        json.dumps({
            "modules": case.get("modules") or [], "data": case.get("data") or {}, "query": case["query"],
            "strict": bool(case.get("strict_error")),
            **({"input": json.loads(case["input_term"])} if is_json(case.get("input_term")) else
               {"input": case["input"]} if "input" in case else {}),
        })
        for _, case in found
    ]
    ran = subprocess.run(
        [os.environ["REGO_CASES_BIN"]] if "REGO_CASES_BIN" in os.environ else
        ["cargo", "run", "--quiet", "--locked", "-p", "hardpan-policies", "--example", "rego_cases"],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
    )
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    suites = collections.defaultdict(lambda: [0, 0])
    panics = 0
    for (suite, case), outcome in zip(found, outcomes, strict=True):
        passed = passes(case, outcome)
        panics += outcome.get("error") == "panic"
        suites[suite][0] += passed
        suites[suite][1] += 1
        if options.failing and not passed:
            print(f"{suite}: {case['note']}: {json.dumps(outcome)[:200]}")
    for suite, (passed, total) in sorted(suites.items()):
        if passed < total:
            print(f"{suite}: {passed} of {total}")
    groups = [
        ("all", lambda suite: True),
        ("without builtins that are left out", lambda suite: not suite.startswith(LEFT_OUT)),
        ("and without later syntax", lambda suite: not suite.startswith(LEFT_OUT + LATER_SYNTAX)),
    ]
    for name, has in groups:
        passed = sum(counts[0] for suite, counts in suites.items() if has(suite))
        total = sum(counts[1] for suite, counts in suites.items() if has(suite))
        print(f"{name}: {passed} of {total} ({100 * passed / max(total, 1):.1f} %)")
    print(f"conformance: {panics} panic(s) in {len(found)} cases")


def is_json(text):
    if not isinstance(text, str):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
