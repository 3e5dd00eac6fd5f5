# `make check` and `make test` need Python 3.11 or newer and nothing else; they make .venv themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
# Locks come from the default index alone, whatever this machine's settings add to it.
PIP_COMPILE := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND="make lock" \
	$(BIN)/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-options \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# A check says one line if it passes and everything if it does not.
define quietly
	@out=$$($(2) 2>&1) || { printf '%s\n' "$$out"; echo "FAILED  $(1)"; exit 1; }; echo "ok      $(1)"
endef

.DEFAULT_GOAL := help
.PHONY: help setup check test test-deep lint bench docs lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

setup: $(STAMP)  ## make .venv with .venv/bin/sevspec, from the locked versions
	@:

$(STAMP): requirements/dev.txt requirements/oracles.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("sevspec needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@# The lock is complete: resolving again would look at newer releases of what an extra names.
	@$(PIP_INSTALL) --no-deps --require-hashes -r requirements/dev.txt
	@[ "$$(uname -m)" != x86_64 ] || $(PIP_INSTALL) --no-deps --require-hashes -r requirements/oracles.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

check: setup  ## prove everything, cross-check the machine, launch the example image, print the table
	@$(BIN)/sevspec check

lint: setup  ## style, types and import arrows
	$(call quietly,ruff,$(BIN)/ruff check --quiet --output-format=concise .)
	$(call quietly,mypy --strict,$(BIN)/mypy --strict)
	$(call quietly,import arrows,$(BIN)/lint-imports --no-logo)

test: lint  ## lint, then every test that is not marked slow, with coverage
	@$(BIN)/pytest -n $(WORKERS) -m "not slow" --cov --cov-report=term

test-deep: setup  ## every test with many more examples, then every mutant
	@HYPOTHESIS_PROFILE=deep $(BIN)/pytest -n $(WORKERS)
	@$(BIN)/sevspec prove --mutants

bench: setup  ## rates and ratios, with the machine they were seen on
	@$(BIN)/python -m sevspec.bench

docs: setup  ## write the generated documents anew
	@$(BIN)/python -m sevspec.docs

lock: setup  ## resolve the locked versions anew (with Python 3.11)
	@$(PIP_COMPILE) --upgrade --all-extras --constraint=requirements/constraints.txt --output-file=requirements/dev.txt pyproject.toml
	@$(PIP_COMPILE) --upgrade --output-file=requirements/oracles.txt requirements/oracles.in
	@$(PIP_COMPILE) --upgrade --constraint=requirements/dev.txt --output-file=requirements/run.txt pyproject.toml

clean:  ## remove everything that is made
	@rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov report.html
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
