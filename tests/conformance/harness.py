"""Starts the programs a conformance run talks to, and stops them again.

Used by the boto3 suite and by replay.py. It knows ports, files and readiness, not what is tested. It
never passes the caller's own environment on: a program sees the few variables it is given and no others.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CONFIG = HERE / "config"
READY_SECONDS = 30
STOP_SECONDS = 15

UPSTREAM_KEY = "AKIDUPSTREAM"
UPSTREAM_SECRET = "upstream-secret-000000"

# Loopback calls never go through a proxy of the machine this runs on.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def hardpan_binary():
    named = os.environ.get("HARDPAN_BIN")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    path = pathlib.Path(named) if named else target / "debug" / "hardpan"
    path = path if path.is_absolute() else REPOSITORY / path
    if not path.exists():
        raise RuntimeError(f"{path} is missing: build it with `make build`, or name another in HARDPAN_BIN")
    return str(path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**variables):
    """A small, known environment: what any process needs, and the variables named."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **variables}


class Program:
    """A child process whose output goes to a file, so that a full pipe never blocks it."""

    def __init__(self, name, arguments, variables, directory):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                arguments, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, ready):
        """Calls `ready` until it gives a value; raises the program's output when it dies or dallies."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            value = ready()
            if value:
                return value
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.output()}")
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.name} was not ready after {READY_SECONDS} s:\n{self.output()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def _announced_url(program):
    found = re.search(r"listening on (http://[0-9.:]+)", program.output())
    return found and found.group(1)


def start_announcing(name, arguments, directory):
    """A program that prints the URL it listens on; gives the program and the URL."""
    program = Program(name, arguments, environment(), directory)
    return program, program.wait_until(lambda: _announced_url(program))


def start_simulator(directory):
    arguments = [
        hardpan_binary(),
        "simulate",
        "--listen",
        "127.0.0.1:0",
        "--key",
        f"{UPSTREAM_KEY}:{UPSTREAM_SECRET}",
    ]
    return start_announcing("simulator", arguments, directory)


def answers_ready(url):
    try:
        with _DIRECT.open(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        return True
    except OSError:
        return False


class Hardpan:
    """`hardpan run` over a configuration file, with its addresses and its records file."""

    def __init__(self, name, config, upstream, directory, admin=True, **more):
        port, admin_port = free_port(), free_port()
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self.records = pathlib.Path(directory) / f"{name}-records.jsonl"
        variables = environment(
            HARDPAN_LISTEN=f"127.0.0.1:{port}",
            HARDPAN_ADMIN=f"127.0.0.1:{admin_port}",
            HARDPAN_UPSTREAM=upstream,
            HARDPAN_RECORDS=str(self.records),
            AWS_ACCESS_KEY_ID=UPSTREAM_KEY,
            AWS_SECRET_ACCESS_KEY=UPSTREAM_SECRET,
            **more,
        )
        self.program = Program(name, [hardpan_binary(), "run", "-c", str(config)], variables, directory)
        # A configuration without an admin listener is ready once it accepts connections.
        self.program.wait_until(lambda: answers_ready(f"{self.admin_url}/readyz") if admin else accepts(port))

    def metrics(self):
        with _DIRECT.open(f"{self.admin_url}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.stop()
