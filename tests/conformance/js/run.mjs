// Starts the simulator and Hardpan on free ports and runs the tests against them with node's own runner.
//
// It knows processes, ports and readiness, not what is tested. It hands a test process nothing but the endpoint
// and the keys, as a deployment would.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const repository = resolve(here, "../../..");
const READY_MS = 30_000;
const STOP_MS = 15_000;
const UPSTREAM_KEY = "AKIDUPSTREAM";
const UPSTREAM_SECRET = "upstream-secret-000000";

function hardpanBinary() {
  const named =
    process.env.HARDPAN_BIN ?? join(process.env.CARGO_TARGET_DIR ?? "target", "debug", "hardpan");
  const path = isAbsolute(named) ? named : join(repository, named);
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: build it with \`make build\`, or name another in HARDPAN_BIN`);
  }
  return path;
}

function environment(variables) {
  const kept = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "LANG"]) {
    if (process.env[name] !== undefined) kept[name] = process.env[name];
  }
  return { ...kept, ...variables };
}

function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer().on("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

const directory = mkdtempSync(join(tmpdir(), "hardpan-conformance-"));
const programs = [];

// Output goes to a file, so that a full pipe never blocks the program.
function start(name, args, variables) {
  const log = join(directory, `${name}.log`);
  const output = openSync(log, "w");
  const child = spawn(hardpanBinary(), args, {
    env: environment(variables),
    stdio: ["ignore", output, output],
  });
  const program = { name, child, output: () => readFileSync(log, "utf8"), failure: undefined };
  program.ended = new Promise((done) => {
    child.on("exit", (code, signal) => done(`${name} ended with ${code ?? signal}`));
    child.on("error", (error) => done(`${name} did not start: ${error.message}`));
  });
  program.ended.then((failure) => (program.failure = failure));
  programs.push(program);
  return program;
}

async function until(program, ready) {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    const value = await ready();
    if (value) return value;
    if (program.failure) throw new Error(`${program.failure}:\n${program.output()}`);
    await pause(20);
  }
  throw new Error(`${program.name} was not ready after ${READY_MS} ms:\n${program.output()}`);
}

async function stop(program) {
  if (program.failure) return;
  program.child.kill("SIGTERM");
  const late = setTimeout(() => program.child.kill("SIGKILL"), STOP_MS);
  await program.ended;
  clearTimeout(late);
}

async function startSimulator() {
  const key = `${UPSTREAM_KEY}:${UPSTREAM_SECRET}`;
  const program = start("simulator", ["simulate", "--listen", "127.0.0.1:0", "--key", key], {});
  return until(program, () => program.output().match(/listening on (http:\/\/[0-9.:]+)/)?.[1]);
}

async function startHardpan(upstream) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const program = start("hardpan", ["run", "-c", join(here, "../config/hardpan.yaml")], {
    HARDPAN_LISTEN: `127.0.0.1:${port}`,
    HARDPAN_ADMIN: `127.0.0.1:${adminPort}`,
    HARDPAN_UPSTREAM: upstream,
    HARDPAN_RECORDS: join(directory, "records.jsonl"),
    AWS_ACCESS_KEY_ID: UPSTREAM_KEY,
    AWS_SECRET_ACCESS_KEY: UPSTREAM_SECRET,
  });
  await until(program, () =>
    fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
  return { url: `http://127.0.0.1:${port}`, program };
}

function runTests(url) {
  const tests = ["operations", "tools", "errors", "services", "bidirectional"].map((name) => join(here, "test", `${name}.test.mjs`));
  // A test that hangs is a failed test, not a hung run.
  const args = ["--test", "--test-reporter=spec", "--test-timeout=120000", ...tests];
  const child = spawn(process.execPath, args, {
    stdio: "inherit",
    env: environment({
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url,
      AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME: url,
      AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: url,
      AWS_ACCESS_KEY_ID: "AKIDCONFORMANCE",
      AWS_SECRET_ACCESS_KEY: "conformance-secret-000000",
      AWS_REGION: "us-east-1",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
      NO_COLOR: "1",
    }),
  });
  return new Promise((done) => child.on("exit", (code) => done(code ?? 1)));
}

async function main() {
  const upstream = await startSimulator();
  const hardpan = await startHardpan(upstream);
  const code = await runTests(hardpan.url);
  const log = hardpan.program.output();
  if (hardpan.program.failure || log.includes("panicked at")) {
    process.stderr.write(`${hardpan.program.failure ?? "hardpan panicked"}:\n${log}\n`);
    return 1;
  }
  return code;
}

let code = 1;
try {
  code = await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
} finally {
  for (const program of programs.reverse()) await stop(program);
}
if (code === 0) rmSync(directory, { recursive: true, force: true });
else process.stderr.write(`logs and records are kept in ${directory}\n`);
process.exitCode = code;
