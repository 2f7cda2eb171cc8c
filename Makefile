# Passbook's commands. `make run` and `make test` need Python 3.11 and nothing else.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export DO_NOT_TRACK := 1
# Linting parses the models too; what dbt writes then stays in the data folder.
export DBT_TARGET_PATH := $(CURDIR)/.passbook/dbt/lint
export DBT_LOG_PATH := $(CURDIR)/.passbook/dbt/lint

.PHONY: help setup run test check sql-style code-style airflow bench lock clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Install what the lock names into .venv

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import uv' 2>/dev/null || command -v uv >/dev/null \
		|| $(PYTHON) -m venv $(VENV)/uv
	@command -v uv >/dev/null || test -x $(VENV)/uv/bin/uv || $(VENV)/uv/bin/python -m pip install --quiet uv
	@uv=$$(command -v uv || echo $(VENV)/uv/bin/uv); \
		$$uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock; \
		$$uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

run: setup ## Make a sample bank, run three nights in Airflow, show its tiers
	@$(BIN)/passbook sample --customers 2000 --days 3 --start 2026-03-01
	@$(BIN)/python -m dags.embedded nights --from 2026-03-01 --to 2026-03-03
	@$(BIN)/passbook sql "select tier, tier_name_zh, count(*) as customers, \
		sum(trailing_contribution_amount) as contribution, currency_code \
		from mart.customers group by all order by contribution desc"
	@echo
	@echo "Ask it anything:  $(BIN)/passbook sql \"select channel, business_date, contact_count," \
		"abandonment_ratio, cost_to_serve_amount from mart.channel_service\""
	@echo "Why, and what else:  $(BIN)/passbook status; $(BIN)/passbook editions; make airflow"

test: check ## Set up, check the code and run all tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

check: setup ## Lint, types, import rule, SQL style, contracts
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target sql-style code-style

# The two halves take about as long as each other, a core each.
sql-style:
	@$(BIN)/sqlfluff lint --disable-progress-bar --nocolor dbt_project/models

code-style:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/passbook contract lint

airflow: setup ## Bring up Airflow's web UI on loopback; Ctrl-C stops all of it
	@$(BIN)/python -m dags.embedded up

bench: setup ## Run every benchmark and rewrite benchmarks/README.md
	@$(BIN)/python benchmarks/run_all.py

lock: ## Resolve the lock anew
	@uv pip compile pyproject.toml --extra develop --generate-hashes --python-version 3.11 \
		--no-header --quiet --upgrade -o requirements.lock

clean: ## Remove the environment and all that was made; extracts and editions too
	@rm -rf $(VENV) .passbook .mypy_cache .ruff_cache .pytest_cache
