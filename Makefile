# Development tasks; `make help` lists them.
# Every target installs into .venv first if anything changed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NEEDS_311 := import sys; sys.exit(sys.version_info < (3, 11))
PUBLISHED := singer-kit tap-lytics target-bigcommerce
PACKAGES := sandbox $(PUBLISHED)
# Third-party plugins that the end-to-end tests run. Each has its own
# environment, because their dependencies conflict.
THIRD_PARTY := tap-jsonl target-jsonl targets
SOURCES := $(PACKAGES) tests bench docs
# The files with blocks that `make generate` writes.
GENERATED := meltano.yml tap-lytics/README.md target-bigcommerce/README.md

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test nightly guarantees scenarios check deptry cog format bench soak simulate sandbox generate dist lock clean

help: ## List the targets.
	@grep -Eh '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Install everything into .venv.

# Two steps, because pip rejects editable packages with --require-hashes.
# Compiling to bytecode cuts the plugins' start-up time by two thirds.
$(READY): requirements.txt $(PACKAGES:%=%/pyproject.toml)
	@$(BIN)/python -c '$(NEEDS_311)' 2>/dev/null || $(PYTHON) -c '$(NEEDS_311)' 2>/dev/null || { echo "$(PYTHON) is missing or older than Python 3.11. Run: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(BIN)/python -c '$(NEEDS_311)' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "Installing the pinned packages into .venv …"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=--editable ./%)
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

demo: $(READY) ## Run the main job three times against the sandbox and show the store.
	@$(BIN)/python -m sandbox.demo

.venv/third_party/%/.ready: tests/e2e/third_party/%.txt | $(READY)
	@echo "Installing third-party plugins for the tests: $* …"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --require-hashes --requirement $<
	@touch $@

# By file, because the tests of a file share sandboxes and runs; the slow
# end-to-end files start first.
test: $(READY) $(THIRD_PARTY:%=.venv/third_party/%/.ready) ## Run the tests.
	@$(BIN)/python -m pytest --quiet --numprocesses auto --dist loadfile --no-loadscope-reorder

nightly: $(READY) $(THIRD_PARTY:%=.venv/third_party/%/.ready) ## Run the tests, including the long ones, with random examples.
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest --quiet --numprocesses auto \
		--dist loadfile --no-loadscope-reorder --timeout 7200 -m "not dist"

guarantees: $(READY) ## List each guarantee with the tests that hold it.
	@$(BIN)/python -m pytest --quiet --guarantees

scenarios: $(READY) ## Compare the behaviour of both plugins with the recorded behaviour.
	@cd tests && ../$(BIN)/python -m scenarios compare

check: $(READY) ## Check code style, types, imports, dependencies and generated blocks.
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory deptry cog
	@$(BIN)/python -m pip check

# Parts of `make check` that the pre-commit hooks also run.
deptry: $(READY)
	@for name in $(PACKAGES); do (cd $$name && ../$(BIN)/deptry --no-ansi .) || exit 1; done

cog: $(READY)
	@$(BIN)/cog --check --diff --verbosity=1 --check-fail-msg='Run: make generate' \
		-I docs $(GENERATED)

format: $(READY) ## Format the sources.
	@$(BIN)/ruff check --fix --select I $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(READY) ## Measure speed, calls, memory and customers a second (12 minutes).
	@$(BIN)/python -m bench

soak: $(READY) ## Run both plugins for an hour under kills and faults.
	@$(BIN)/python -m pytest --quiet --timeout 7200 -m nightly tests/e2e/test_kills_and_soak.py

simulate: $(READY) ## Simulate 10,000 seeds of faults and crashes; SEED=N replays one.
	@cd tests && ../$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED))

sandbox: $(READY) ## Serve a local Lytics and BigCommerce until Ctrl-C.
	@$(BIN)/python -m sandbox serve

generate: $(READY) ## Regenerate the blocks in the documents that come from the code.
	@$(BIN)/cog -r --verbosity=1 -I docs $(GENERATED)

# Without build isolation, because hatchling is pinned and installed already.
dist: $(READY) ## Build wheels and source distributions into dist/, and test them.
	@rm -rf dist
	@for name in $(PUBLISHED); do \
		$(BIN)/python -m build -qq --no-isolation --outdir dist $$name || exit 1; done
	@$(BIN)/twine check --strict dist/*
	@$(BIN)/python -m pytest --quiet -m dist tests/e2e/test_distributions.py

lock: $(READY) ## Compile the pinned and hashed requirements.
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		$(PACKAGES:%=--no-emit-package %) --output-file requirements.txt
	@for name in $(THIRD_PARTY); do $(BIN)/uv pip compile tests/e2e/third_party/$$name.in --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --quiet --output-file tests/e2e/third_party/$$name.txt; done

clean: ## Remove everything that the other targets created.
	@rm -rf .venv .meltano dist .pytest_cache .mypy_cache .ruff_cache .hypothesis output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
