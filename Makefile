# Builds, checks and shows Hardpan. `make` lists what there is.
#
# Everything a target needs beyond a Rust toolchain, Python 3.11 and Node 20 is fetched on first use. One
# target directory, one profile for all tests. It deploys and publishes nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Recorded traffic and test vectors; tests that need them say so and pass where the folder is absent.
export HARDPAN_SHARED ?= $(abspath ../shared)
TARGET := $(or $(CARGO_TARGET_DIR),target)
export HARDPAN_BIN ?= $(abspath $(TARGET)/debug/hardpan)
LOGS := $(TARGET)/test-logs
VENV := .venv
PYTHON := $(VENV)/bin/python
# The last generation of boto3 with other retries than today's, in an environment of its own.
VENV_LEGACY := .venv-1.40
# Another implementation of Rego, for `rego-cross` alone.
VENV_REGO := .venv-rego
# Rivals of the detectors, for `detect-peers` alone.
VENV_PEERS := .venv-detect
# Debian's package, unpacked and not installed: an installed one starts a server of its own.
PROMETHEUS := $(abspath $(TARGET))/prometheus
PYTEST := -m pytest -q --color=no
JS := tests/conformance/js
RUNNERS := unit coverage rego rego-cross boto3 legacy providers js replay prometheus detect

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: cmake ## simulator, Hardpan and sample traffic as a tour
	cargo build --release --locked -p hardpan
	$(TARGET)/release/hardpan demo

# Lints and the build stop the run; the runners all run, so that one report names everything that fails.
.PHONY: test
test: lint build ## everything: format, lints, unit, policies, real SDKs, replay
	@rm -rf $(LOGS) && mkdir -p $(LOGS)
	@failed=; \
	for runner in $(RUNNERS); do $(MAKE) --no-print-directory $$runner || failed="$$failed $$runner"; done; \
	$(MAKE) --no-print-directory totals; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; else echo "all passed"; fi

.PHONY: bench
bench: cmake ## criterion benches, then the load comparison
	cargo bench --locked -p hardpan-benches
	cargo build --release --locked -p hardpan -p hardpan-benches --bins
	$(TARGET)/release/load

# With the tests, whose own dependencies ask for more features of what the binaries use: nothing is compiled twice.
.PHONY: build
build: cmake ## the binaries and tests
	cargo build --locked --workspace --bins --tests

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ_SECONDS (20)
	fuzz/run.sh

.PHONY: fmt
fmt: ## format the Rust sources
	cargo fmt --all

.PHONY: lint
lint: cmake ## format check and clippy, warnings refused
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: unit
unit: cmake nextest redis ## Rust tests of all crates
	@mkdir -p $(LOGS)
	@rm -rf $(TARGET)/coverage
	cargo nextest run --locked --workspace --no-fail-fast --color never 2>&1 | tee $(LOGS)/unit.log

# After `unit`, from the notes its tests leave: those of an earlier run are gone by then. With WRITE=1 the table is
# written anew; it is never written with a cell that has no proof.
.PHONY: coverage
coverage: ## docs/COVERAGE.md against what the tests proved (WRITE=1 updates it)
	@mkdir -p $(LOGS)
	python3 tests/coverage.py --notes $(TARGET)/coverage --log $(LOGS)/unit.log $(if $(WRITE),--write) \
		2>&1 | tee $(LOGS)/coverage.log

.PHONY: rego
rego: build ## shipped policies: checks, and tests with coverage
	@mkdir -p $(LOGS)
	{ $(HARDPAN_BIN) policy check policies/rego --strict && \
		$(HARDPAN_BIN) policy test policies/rego --threshold 95; } 2>&1 | tee $(LOGS)/rego.log

# Where the other engine cannot be had the script says so and passes: it has no wheel for every platform.
.PHONY: rego-cross
rego-cross: build ## shipped policies in another implementation of Rego
	@mkdir -p $(LOGS)
	@[ -x $(VENV_REGO)/bin/python ] || python3 -m venv $(VENV_REGO)
	@$(VENV_REGO)/bin/python -m pip install -q -r tests/rego/requirements.txt || true
	$(VENV_REGO)/bin/python tests/rego/cross_check.py 2>&1 | tee $(LOGS)/rego-cross.log

# OPA's cases are no part of the repository: CASES names the folder that holds them.
.PHONY: rego-conformance
rego-conformance: ## OPA's conformance cases against the engine (CASES=folder)
	python3 tests/rego/conformance.py $(CASES)

.PHONY: policy-files
policy-files: nextest ## capabilities.json and schemas for editors, written anew from the code
	HARDPAN_WRITE=1 cargo nextest run --locked -p hardpan-policies -E 'test(committed)'

.PHONY: conformance
conformance: boto3 legacy providers js ## all suites of real clients

.PHONY: boto3
boto3: build $(VENV)/.stamp ## the newest boto3, all services
	@mkdir -p $(LOGS)
	$(PYTHON) $(PYTEST) tests/conformance/boto3 2>&1 | tee $(LOGS)/boto3.log

.PHONY: legacy
legacy: build $(VENV_LEGACY)/.stamp ## boto3 1.40, with its five attempts
	@mkdir -p $(LOGS)
	$(VENV_LEGACY)/bin/python $(PYTEST) tests/conformance/boto3 2>&1 | tee $(LOGS)/legacy.log

.PHONY: providers
providers: build $(VENV)/.stamp ## the clients of Anthropic and OpenAI
	@mkdir -p $(LOGS)
	$(PYTHON) $(PYTEST) tests/conformance/providers 2>&1 | tee $(LOGS)/providers.log

.PHONY: js
js: build $(JS)/node_modules/.stamp ## AWS SDK clients for JavaScript
	@mkdir -p $(LOGS)
	node $(JS)/run.mjs 2>&1 | tee $(LOGS)/js.log

.PHONY: replay
replay: build $(VENV)/.stamp ## recorded traffic, guards off and on
	@mkdir -p $(LOGS)
	$(PYTHON) tests/conformance/replay.py 2>&1 | tee $(LOGS)/replay.log

.PHONY: prometheus
prometheus: build prometheus-programs ## a real Prometheus over metrics, rules and dashboard
	@mkdir -p $(LOGS)
	PATH="$(PROMETHEUS)/usr/bin:$$PATH" python3 tests/prometheus/check.py 2>&1 | tee $(LOGS)/prometheus.log

# Figures do not depend on how the binary was built; speed is the benches' matter.
.PHONY: detect
detect: build ## the detectors on labelled texts, against their floors (WRITE=1 writes them)
	@mkdir -p $(LOGS)
	python3 tests/detection/detect.py $(if $(WRITE),--write) 2>&1 | tee $(LOGS)/detect.log

.PHONY: detect-peers
detect-peers: $(VENV_PEERS)/.stamp ## rivals of the detectors on the same texts, in one table (TYPES=1 by type)
	@mkdir -p $(LOGS)
	cargo build --release --locked -p hardpan
	HARDPAN_BIN=$(abspath $(TARGET)/release/hardpan) $(VENV_PEERS)/bin/python tests/detection/peers.py \
		$(if $(ROWS),--rows $(ROWS)) $(if $(TYPES),--types) 2>&1 | tee $(LOGS)/detect-peers.log

# The runners' own words, once more and together.
.PHONY: totals
totals:
	@echo; echo "== totals"
	@for runner in $(RUNNERS); do \
		log=$(LOGS)/$$runner.log; \
		echo "-- $$runner"; \
		if [ ! -s "$$log" ]; then echo "did not run"; continue; fi; \
		case $$runner in \
			unit) grep -E '^ *Summary \[' "$$log" || tail -n 3 "$$log" ;; \
			js) grep -E '^(ℹ|#) (tests|pass|fail|skipped|duration_ms) ' "$$log" || tail -n 3 "$$log" ;; \
			replay) grep -E '^replay( (on|off))?: (passed|FAILED:|skipped)' "$$log" || tail -n 3 "$$log" ;; \
			*) tail -n 1 "$$log" ;; \
		esac; \
	done

.PHONY: tools
tools: cmake nextest redis prometheus-programs $(VENV)/.stamp $(VENV_LEGACY)/.stamp $(JS)/node_modules/.stamp ## fetch what the other targets need

# A C library among the dependencies is built with it.
.PHONY: cmake
cmake:
	@command -v cmake >/dev/null || { \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq cmake; }

.PHONY: prometheus-programs
prometheus-programs:
	@[ -x $(PROMETHEUS)/usr/bin/promtool ] || \
		{ command -v prometheus >/dev/null && command -v promtool >/dev/null; } || { \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		rm -rf $(PROMETHEUS) && mkdir -p $(PROMETHEUS) && cd $(PROMETHEUS) && \
		{ apt-get download -qq prometheus 2>/dev/null || \
			{ $$as_root apt-get update -qq && apt-get download -qq prometheus; }; } && \
		dpkg -x prometheus_*.deb . && rm prometheus_*.deb; }

.PHONY: redis
redis: ## redis-server, for the tests of shared quotas
	@command -v redis-server >/dev/null || { \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq redis-server; }

.PHONY: nextest
nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

$(VENV)/.stamp: tests/conformance/boto3/requirements.txt tests/conformance/providers/requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install -q --upgrade $(addprefix -r ,$^)
	@touch $@

$(VENV_LEGACY)/.stamp: tests/conformance/boto3/requirements-1.40.txt
	python3 -m venv $(VENV_LEGACY)
	$(VENV_LEGACY)/bin/python -m pip install -q -r $<
	@touch $@

$(VENV_PEERS)/.stamp: tests/detection/requirements.txt
	python3 -m venv $(VENV_PEERS)
	$(VENV_PEERS)/bin/python -m pip install -q --upgrade -r $<
	@touch $@

$(JS)/node_modules/.stamp: $(JS)/package.json $(JS)/package-lock.json
	@command -v npm >/dev/null || { echo "the JavaScript suite needs Node 20.15 or newer and npm" >&2; exit 1; }
	cd $(JS) && npm ci --no-progress
	@touch $@

.PHONY: clean
clean: ## remove everything built or fetched
	rm -rf $(VENV) $(VENV_LEGACY) $(VENV_REGO) $(VENV_PEERS) $(JS)/node_modules
	cargo clean
