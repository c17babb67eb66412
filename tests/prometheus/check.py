#!/usr/bin/env python3
"""Holds Hardpan's metrics, and the rules and dashboard that are shipped for them, to a real Prometheus.

promtool checks and tests the rules, and checks the text of a real scrape. Then a Prometheus scrapes a running Hardpan
with the shipped rules loaded; its API is asked whether the rules work, whether the series of the traffic have arrived
with the right figures, and whether every question of the dashboard can be answered. Names in rules, dashboard and
traffic must be in docs/METRICS.md.

It draws no dashboard and sends no alert. PROMETHEUS and PROMTOOL name the programs, else PATH does.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(REPOSITORY / "tests" / "conformance"))

import harness  # noqa: E402

RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yaml"
RULES_TEST = REPOSITORY / "deploy" / "prometheus" / "rules_test.yaml"
SHIPPED = REPOSITORY / "deploy" / "prometheus" / "prometheus.yaml"
DASHBOARD = REPOSITORY / "deploy" / "grafana" / "hardpan.json"
DOCUMENT = REPOSITORY / "docs" / "METRICS.md"

WITHIN_SECONDS = 60
NOVA = "amazon.nova-lite-v1%3A0"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """Something is not as it must be."""


def main():
    promtool, prometheus = program("promtool"), program("prometheus")
    checked = [
        tool(promtool, "check", "rules", str(RULES)),
        tool(promtool, "test", "rules", str(RULES_TEST)),
        tool(promtool, "check", "config", str(SHIPPED)),
    ]
    documented = documented_metrics()
    rules, alerts, questions = shipped_rules(promtool), shipped_alerts(), dashboard_questions()
    check_names(documented, [RULES.read_text(), *questions.values()])
    with tempfile.TemporaryDirectory(prefix="hardpan-prometheus-") as folder:
        simulator, upstream = harness.start_simulator(folder)
        with simulator, harness.Hardpan("hardpan", HERE / "hardpan.yaml", upstream, folder) as hardpan:
            expected = send_traffic(hardpan)
            check_scrape(promtool, hardpan.metrics(), documented)
            with Prometheus(prometheus, hardpan, folder) as server:
                series = check_series(server, expected)
                check_rules(server, rules, alerts)
                for title, question in questions.items():
                    server.query(question, title)
    print(
        f"prometheus: passed, {len(checked)} files, {rules} rules loaded and healthy, {series} figures as sent, "
        f"{len(questions)} questions of the dashboard answered"
    )


def program(name):
    path = os.environ.get(name.upper()) or shutil.which(name)
    if not path:
        raise Failed(f"{name} is missing: `make prometheus` fetches it, or name it in {name.upper()}")
    return path


def tool(promtool, *arguments, text=None):
    done = subprocess.run([promtool, *arguments], input=text, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise Failed(f"promtool {' '.join(arguments)}:\n{said}")
    return said


def documented_metrics():
    """Name to kind."""
    rows = re.findall(r"^\| `(hardpan_[a-z0-9_]+)` \| (counter|gauge|histogram) \|", DOCUMENT.read_text(), re.M)
    if len(rows) != len(dict(rows)) or len(rows) < 30:
        raise Failed(f"{DOCUMENT} does not list the metrics, each of them once")
    return dict(rows)


def shipped_rules(promtool):
    return int(re.search(r"(\d+) rules found", tool(promtool, "check", "rules", str(RULES))).group(1))


def shipped_alerts():
    return set(re.findall(r"^\s*- alert: (\w+)$", RULES.read_text(), re.M))


def dashboard_questions():
    """Title to question, with what the dashboard's variables stand for."""
    questions = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            question = target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h")
            questions[f"{panel['title']} {target['refId']}"] = question.replace("$instance", ".*")
    if any("$" in question for question in questions.values()):
        raise Failed("the dashboard has a variable that is not known here")
    return questions


def check_names(documented, texts):
    for name in set(re.findall(r"\bhardpan_[a-z0-9_]+", "\n".join(texts))):
        if name not in documented and re.sub(r"_(bucket|sum|count)$", "", name) not in documented:
            raise Failed(f"{name} is used and not documented")


def post(hardpan, path, body):
    request = urllib.request.Request(
        hardpan.url + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with _DIRECT.open(request, timeout=30) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


def say(text):
    return {"messages": [{"role": "user", "content": [{"text": text}]}], "inferenceConfig": {"maxTokens": 100}}


def send_traffic(hardpan):
    """One of each kind; gives questions and the figures they must have."""
    sent = [
        post(hardpan, f"/model/{NOVA}/converse", say("hello")),
        post(hardpan, f"/model/{NOVA}/converse", say("write to anna.lindqvist@example.com")),
        post(hardpan, f"/model/{NOVA}/converse-stream", say("hello")),
        post(hardpan, f"/model/{NOVA}/converse", say("[sim:throttle]")),
        post(hardpan, f"/model/{NOVA}/converse", say("[sim:close]")),
        post(hardpan, "/model/amazon.nova-micro-v1%3A0/converse", say("hello")),
        post(hardpan, "/model/no.such-model-v1/converse", say("hello")),
        post(hardpan, "/nothing", say("hello")),
    ]
    if sent != [200, 200, 200, 429, 503, 400, 200, 403]:
        raise Failed(f"the traffic was answered with {sent}")
    return {
        "sum(hardpan_requests_total)": 8,
        'sum(hardpan_requests_total{status="2xx",team="payments",app="orders-bot"})': 4,
        'sum(hardpan_requests_total{status="429"})': 1,
        'sum(hardpan_refusals_total{code="upstream_unreachable",blame="upstream"})': 1,
        'sum(hardpan_refusals_total{code="budget_spent",blame="client"})': 1,
        'sum(hardpan_refusals_total{code="operation_not_governed",blame="client"})': 1,
        'sum(hardpan_quota_denials_total{limit="small",unit="tokens"})': 1,
        # Without a limit on them nothing has to be counted, and what is left of the small one would not do for output.
        'sum(hardpan_quota_input_counts_total{result="not_asked",basis="estimated"})': 6,
        "sum(hardpan_quota_input_counts_total)": 6,
        "sum(hardpan_quota_store_failures_total)": 0,
        'sum(hardpan_pii_findings_total{kind="EMAIL",place="request"})': 1,
        'sum(hardpan_unpriced_requests_total{operation="Converse"})': 1,
        'sum(hardpan_upstream_responses_total{status="2xx"})': 4,
        'sum(hardpan_upstream_failures_total{reason="reset"})': 1,
        "sum(hardpan_audit_records_written_total)": 8,
        "sum(hardpan_request_duration_seconds_count)": 8,
        'sum(hardpan_time_to_first_token_seconds_count{operation="ConverseStream"})': 1,
        'sum(hardpan_overhead_seconds_count{stage="total"})': 8,
        'count(hardpan_tokens_total{team="payments",model="amazon.nova-lite-v1:0"})': 2,
        'count(hardpan_cost_nano_usd_total{model="amazon.nova-lite-v1:0"} > 0)': 1,
        'count(hardpan_requests_total{model="no.such-model-v1"}) or vector(0)': 0,
        "sum(hardpan_requests_in_flight)": 0,
        "sum(hardpan_build_info)": 1,
        "sum(hardpan_injection_score_ratio_count) > bool 0": 1,
    }


def check_scrape(promtool, text, documented):
    tool(promtool, "check", "metrics", text=text)
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        if documented.get(name) != kind:
            raise Failed(f"{name} is a {kind}, and documented as {documented.get(name)}")


class Prometheus:
    """A server that scrapes one Hardpan every second, in a folder of its own."""

    def __init__(self, program_path, hardpan, folder):
        port = harness.free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = pathlib.Path(folder) / "prometheus.json"
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(RULES)],
                    "scrape_configs": [
                        {
                            "job_name": "hardpan",
                            "static_configs": [{"targets": [hardpan.admin_url.removeprefix("http://")]}],
                        }
                    ],
                }
            )
        )
        arguments = [
            program_path,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        self.program = harness.Program("prometheus", arguments, harness.environment(), folder)
        self.program.wait_until(lambda: harness.answers_ready(f"{self.url}/-/ready"))

    def api(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with _DIRECT.open(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise Failed(f"Prometheus answered {error.code} to {parameters or path}: {error.read()[:500]}") from None

    def query(self, question, title=""):
        try:
            return self.api("query", query=question)["result"]
        except Failed as failure:
            raise Failed(f"{title}: {failure}") from None

    def value(self, question):
        result = self.query(question)
        return float(result[0]["value"][1]) if result else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.stop()


def until(what, found):
    """Asks until there is an answer, or tells what the last one was."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        answer, wrong = found()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failed(f"{what}: {wrong}")
        time.sleep(0.2)


def check_series(server, expected):
    def all_as_sent():
        wrong = {question: server.value(question) for question in expected}
        wrong = {question: value for question, value in wrong.items() if value != expected[question]}
        return not wrong, wrong

    until("series that did not arrive as sent", all_as_sent)
    target = server.api("targets", state="active")["activeTargets"][0]
    if target["health"] != "up" or target["lastError"]:
        raise Failed(f"the target is {target['health']}: {target['lastError']}")
    return len(expected)


def check_rules(server, count, alerts):
    def all_evaluated():
        rules = [rule for group in server.api("rules")["groups"] for rule in group["rules"]]
        bad = [rule["name"] for rule in rules if rule["health"] != "ok" or rule.get("lastError")]
        loaded = {rule["name"] for rule in rules if rule["type"] == "alerting"}
        return len(rules) == count and not bad and loaded == alerts, bad or sorted(alerts ^ loaded) or len(rules)

    until("rules that are not healthy", all_evaluated)
    # A rate needs two scrapes that are apart.
    until("a recorded series", lambda: (server.query("hardpan:requests:rate5m"), "none"))


if __name__ == "__main__":
    try:
        main()
    except (Failed, RuntimeError) as failure:
        print(failure, file=sys.stderr)
        print("prometheus: FAILED")
        sys.exit(1)
