# What a visitor and CI run. Needs Python 3.11 or newer, make and bash; everything else goes into .venv.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# pyright's own check for newer versions asks the network; the pin decides here.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help setup setup-dev demo test test-all lint format types gallery results clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

setup: $(VENV)/.ready ## .venv with the package and its command, from pinned versions

setup-dev: $(VENV)/.ready-dev

demo: setup ## the main job: three formats trained, compared and reported (SEED=n for another seed)
	$(BIN)/python -m scratchpad demo --seed $(SEED)

test: setup-dev lint types ## lint, types and tests: what CI runs
	$(BIN)/python -m pytest -n $(WORKERS)

test-all: setup-dev lint types ## the same, and the slow tests
	$(BIN)/python -m pytest -n $(WORKERS) -m "slow or not slow"

lint: setup-dev ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup-dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup-dev ## pyright
	$(BIN)/pyright

gallery: setup ## write docs/gallery.md anew from the tasks
	$(BIN)/python -m tools.write_gallery > docs/gallery.md.new
	mv docs/gallery.md.new docs/gallery.md

results: setup ## docs/results from finished experiments: make results RUNS="runs/fig4b-small ..."
	$(BIN)/python -m tools.write_results $(RUNS)

clean: ## remove .venv and all caches; runs/ stays
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp goes before anything is changed and comes back when all is done. So where there is none, an installation was
# interrupted, and the next begins from nothing: pip takes a package for installed whose files are only half there.
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet install
define INSTALL
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: '$(PYTHON)' is not Python 3.11 or newer; choose another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "installing the versions of $(1) into $(VENV): minutes at first, seconds when little changed"
	@if [ -e $(VENV)/.ready ]; then rm $(VENV)/.ready; else rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	$(PIP) --requirement $(1)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.ready $@
endef

$(VENV)/.ready: pyproject.toml requirements.txt
	$(call INSTALL,requirements.txt)

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(call INSTALL,requirements-dev.txt)
