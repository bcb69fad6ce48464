# Every target works alone on a fresh clone that has nothing but make and Python 3.11 or newer.
# PYTHON chooses the interpreter the environment is made from, VENV where the environment lies.

VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
QUICKSTART_RUN ?= runs/quickstart
# In the order of tests/conftest.py, not of how many tests a file has.
IN_PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

AT_LEAST_3_11 := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for candidate in python3 python python3.13 python3.12 python3.11; do \
	$$candidate -c '$(AT_LEAST_3_11)' 2>/dev/null && echo $$candidate && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test thorough lint bench tutorial base clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED)  ## Create the environment and install trimpi with its development tools

$(INSTALLED): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "trimpi needs Python 3.11 or newer, and none is on the PATH. Install one, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; exit 1; fi
	@$(PYTHON) -c '$(AT_LEAST_3_11)' || { \
		echo "trimpi needs Python 3.11 or newer; '$(PYTHON)' is not (`$(PYTHON) --version 2>&1`). Name another: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-compile -e ".[dev]"
	@# What pip would do on one core; files that are no module of this Python stay as they are.
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true
	@touch $@

quickstart: $(INSTALLED)  ## Internalize two small policies on this machine and write a report
	$(BIN)/trimpi run recipes/quickstart.yaml --out $(QUICKSTART_RUN)
	@echo "The report is $(abspath $(QUICKSTART_RUN))/report.html"

test: $(INSTALLED)  ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(IN_PARALLEL)

thorough: $(INSTALLED)  ## Run the tests that take longer than make test should
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(IN_PARALLEL) -m thorough

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## Measure what the policy costs and what the prefix engine saves
	$(BIN)/python -m benchmarks

tutorial: $(INSTALLED)  ## Run docs/tutorial.md as written (about ten minutes) and check what it says
	TRIMPI_TUTORIAL=full $(BIN)/python -m pytest -s tests/examples/test_tutorial.py

base: $(INSTALLED)  ## Train the embedded base model from nothing (resumes where it stopped)
	$(BIN)/python -m trimpi.models.nano.train

clean:  ## Remove the environment, caches and build output; runs are kept
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
