# Everything a laptop or CI needs: `make help` lists it.
# Set-up installs into .venv by itself; a second run of any target is quick.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NEEDS_311 := import sys; sys.exit(sys.version_info < (3, 11))
PACKAGES := sandbox singer-kit tap-lytics target-bigcommerce
# Plugins of other people that the pipeline tests pair with ours, each in an
# environment of its own, as their dependencies conflict.
FOREIGN := tap-jsonl target-jsonl targets
SOURCES := sandbox singer-kit tap-lytics target-bigcommerce tests bench

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test nightly scenarios check audit format bench chaos soak load simulate sandbox docs lock clean

help: ## List what there is to make.
	@grep -Eh '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Install everything into .venv.

# Two steps, as pip refuses an editable package in a run that checks hashes.
# Compiled bytecode cuts the plugins' start-up by two thirds.
$(READY): requirements.txt $(PACKAGES:%=%/pyproject.toml)
	@$(BIN)/python -c '$(NEEDS_311)' 2>/dev/null || $(PYTHON) -c '$(NEEDS_311)' 2>/dev/null || { echo "Python 3.11 or newer is needed, and $(PYTHON) is older or missing. Name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(BIN)/python -c '$(NEEDS_311)' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "Installing the pinned packages into .venv …"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=--editable ./%)
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

demo: $(READY) ## Run the main job against the sandbox, thrice, and show the store.
	@$(BIN)/python -m sandbox.demo

.venv/foreign/%/.ready: tests/foreign/%.txt | $(READY)
	@echo "Installing third-party plugins for the tests: $* …"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --require-hashes --requirement $<
	@touch $@

# By file, as the tests of a file share sandboxes and runs.
test: $(READY) $(FOREIGN:%=.venv/foreign/%/.ready) ## Run all the tests.
	@$(BIN)/python -m pytest --quiet --numprocesses auto --dist loadfile

nightly: $(READY) $(FOREIGN:%=.venv/foreign/%/.ready) ## Run all the tests, the long ones included, on random examples.
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest --quiet --numprocesses auto \
		--dist loadfile --timeout 7200 -m "nightly or not nightly"

scenarios: $(READY) ## Compare what both plugins do with what is recorded.
	@cd tests && ../$(BIN)/python -m scenarios compare

check: $(READY) ## Lint, types, format, and the audit.
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory audit

audit: $(READY) ## Hold what is installed to the lock and the documents, offline.
	@cd tests && ../$(BIN)/python -m audit

format: $(READY) ## Put the sources into form.
	@$(BIN)/ruff check --fix --select I $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(READY) ## Measure speed, as ratios in one run.
	@$(BIN)/python -m bench

# Arguments for less or the same again: RUNS=3, EXITS=versions, MINUTES=2,
# MEMBERS=10000, SEED=7.
SEEDED = $(if $(SEED),--seed $(SEED))

chaos: $(READY) ## Kill Meltano's runs at random, then compare store and audience.
	@cd tests && ../$(BIN)/python -m chaos runs $(if $(RUNS),--runs $(RUNS)) \
		$(if $(EXITS),--exits $(EXITS)) $(SEEDED)

soak: $(READY) ## Let both plugins run for 30 bad minutes; draws docs/soak.svg.
	@cd tests && ../$(BIN)/python -m chaos soak $(if $(MINUTES),--minutes $(MINUTES)) \
		--svg ../docs/soak.svg $(SEEDED)

load: $(READY) ## Export 10,000, 100,000 and 1,000,000 members; takes its time.
	@cd tests && ../$(BIN)/python -m chaos load $(if $(MEMBERS),--members $(MEMBERS)) \
		$(SEEDED)

simulate: $(READY) ## Live through 10,000 seeds of faults and crashes; SEED=N replays one.
	@cd tests && ../$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED))

sandbox: $(READY) ## Serve a local Lytics and BigCommerce until Ctrl-C.
	@$(BIN)/python -m sandbox serve

docs: $(READY) ## Regenerate what the documents repeat from the code.
	@cd tests && ../$(BIN)/python -m documents

lock: $(READY) ## Compile the pinned and hashed requirements.
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		$(PACKAGES:%=--no-emit-package %) --output-file requirements.txt
	@for name in $(FOREIGN); do $(BIN)/uv pip compile tests/foreign/$$name.in --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --quiet --output-file tests/foreign/$$name.txt; done

clean: ## Remove what the other targets made.
	@rm -rf .venv .meltano .pytest_cache .mypy_cache .ruff_cache .hypothesis output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
