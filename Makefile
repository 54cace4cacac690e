# Every command of the project. A fresh machine needs python3 (3.11 to 3.13) and make, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
STATE := $(or $(SYNCLINE_HOME),.syncline)
INSTALLED := $(VENV)/.installed
READY := $(STATE)/.ready
DATABASE := $(wildcard include/syncline/warehouse/migrations/sql/*.sql include/syncline/warehouse/migrations/versions/*.py)
SEEDS := $(wildcard dbt_project/seeds/*.csv)

.PHONY: help setup demo up down test test-deep mutate chaos chaos-push bench bench-large soak lint format lock clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Virtual environment, locked install, embedded Postgres, migrations, Airflow's database

demo: $(READY) ## A racing day through the whole pipeline, scored against its truth (under 4 minutes); SEED= HOURS= FAULTS=
	@$(BIN)/syncline demo $(if $(SEED),--seed '$(SEED)') $(if $(HOURS),--hours '$(HOURS)') $(if $(FAULTS),--faults '$(FAULTS)')

up: $(READY) ## Run everything until Ctrl-C; prints Airflow's address and login
	@$(BIN)/syncline up

down: $(INSTALLED) ## Stop everything that runs here, also what a killed run left
	@$(BIN)/syncline down

test: $(INSTALLED) ## All tests, on a Postgres, an Airflow and partners of their own
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-deep: $(INSTALLED) ## Long tests: 10,000 cases against the oracle, 200 random edits of the configuration, a day asked about its past
	@$(BIN)/python -m pytest -m deep $(ARGS)

mutate: $(INSTALLED) ## Break each rule of the resolution in turn and show which test sees it (ARGS="--only lag")
	@$(BIN)/python -m tests.mutation $(ARGS)

chaos: chaos-push ## Both chaos runs: the push against every kind of target, then a running installation
	@$(BIN)/python -m pytest -v -s -m live tests/live

chaos-push: $(INSTALLED) ## 20,000 corrections through faults, kills and restarts, judged by the targets' books (ARGS="--seed 7 --targets erp")
	@$(BIN)/python -m tests.chaos.push $(ARGS)

bench: $(INSTALLED) ## Measure everything and write docs/reference/performance.md (42 minutes on 2 cores; ARGS="--size small": 2)
	@$(BIN)/python -m bench $(ARGS)

bench-large: $(INSTALLED) ## Ten million facts: rebuild, growth, micro-batch; 40 minutes and 40 GB on 2 cores; its histories serve the next run
	@$(BIN)/python -m bench --size large --only rebuild --only micro --keep $(STATE)-bench $(ARGS)

soak: $(INSTALLED) ## 20 minutes at 500 events/s through real Airflow, with verdicts (ARGS="--minutes 2 --rate 100")
	@$(BIN)/python -m bench.soak $(ARGS)

lint: $(INSTALLED) ## What CI and the pre-commit hooks check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=plugins $(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests
	@! grep -nE '://|^ *(-i|--index|--extra-index|--find-links)' requirements.lock requirements-uv.lock \
	  || { echo 'a lock file holds the address of an index' >&2; exit 1; }

format: $(INSTALLED) ## Let ruff and sqlfluff rewrite the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix --disable-progress-bar dbt_project/models dbt_project/tests

lock: $(INSTALLED) ## Resolve requirements.lock again from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra bench --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock

clean: ## Stop everything; remove the virtual environment, the state folder and all caches
	@if [ -x $(BIN)/syncline ]; then $(BIN)/syncline down; fi
	rm -rf $(VENV) $(STATE) $(STATE)-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dbt_project/target dbt_project/logs

# uv reads UV_* only; an index that pip is told to use (PIP_INDEX_URL or pip.conf) holds for uv too.
$(INSTALLED): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo 'python3 must be 3.11, 3.12 or 3.13; choose one with: make PYTHON=python3.12 ...' >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) \
	  || { echo 'python3 -m venv failed: on Debian and Ubuntu install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@index="$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null || true)}"; \
	  if [ -n "$$index" ] && [ -z "$${UV_DEFAULT_INDEX:-}$${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="$$index"; fi; \
	  export VIRTUAL_ENV="$(abspath $(VENV))" UV_LINK_MODE="$${UV_LINK_MODE:-copy}"; \
	  $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock; \
	  $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(READY): $(INSTALLED) $(DATABASE) $(SEEDS)
	@echo 'setting up $(STATE)'
	@$(BIN)/syncline setup
	@touch $@
