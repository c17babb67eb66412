"""`hardpan demo` as a newcomer meets it: the tour, and the snippet it prints, run as printed."""

import re
import subprocess
import sys

import harness

STOPS = 10


def test_the_tour_shows_every_guard_and_the_printed_snippet_works(tmp_path):
    program = harness.Program(
        "demo",
        [harness.hardpan_binary(), "demo", "--listen", f"127.0.0.1:{harness.free_port()}"],
        harness.environment(),
        tmp_path,
    )
    with program:
        shown = program.wait_until(lambda: "EOF\n\n" in program.output() and program.output())
        for number in range(1, STOPS + 1):
            assert f"== {number} of {STOPS}:" in shown
        for words in (
            "{EMAIL_1} about card {CREDIT_DEBIT_CARD_NUMBER_1}",
            "403 AccessDeniedException",
            "[tool_arg_forbidden]",
            '"cache":{"result":"exact"',
            "400 ServiceQuotaExceededException",
        ):
            assert words in shown, words
        url = re.search(r"^AWS_ENDPOINT_URL_BEDROCK_RUNTIME=(http://\S+)$", shown, re.M).group(1)
        snippet = re.search(r"^AWS_ENDPOINT_URL_BEDROCK_RUNTIME=\S+ .*?^EOF$", shown, re.M | re.S).group(0)
        assert url in snippet
        ran = subprocess.run(
            ["bash", "-c", snippet.replace("python3 -", f"{sys.executable} -")],
            env=harness.environment(NO_PROXY="127.0.0.1"),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "You said: My address is zoe@example.org"
