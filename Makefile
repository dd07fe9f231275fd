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

.PHONY: help setup setup-dev demo test test-all lint format types gallery clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

setup: $(VENV)/.ready ## .venv with the package and its command, from pinned versions

setup-dev: $(VENV)/.ready-dev

demo: setup ## the main job: three formats trained, compared and reported (SEED=n for another seed)
	$(BIN)/python -m scratchpad.demo $(SEED)

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
	$(BIN)/python -m scratchpad.commands.gallery > docs/gallery.md.new
	mv docs/gallery.md.new docs/gallery.md

clean: ## remove .venv and all caches; runs/ stays
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An installation that was interrupted leaves $(VENV)/.unfinished behind, and the next one begins again from nothing:
# pip takes a package for installed whose files are only half there.
define INSTALL
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: '$(PYTHON)' is not Python 3.11 or newer; choose another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@if [ ! -x $(BIN)/python ] || [ -e $(VENV)/.unfinished ]; then \
		rm -rf $(VENV); mkdir $(VENV); touch $(VENV)/.unfinished; $(PYTHON) -m venv $(VENV); \
	fi
	@touch $(VENV)/.unfinished
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --requirement $(1)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@rm $(VENV)/.unfinished
	@touch $@
endef

$(VENV)/.ready: pyproject.toml requirements.txt
	$(call INSTALL,requirements.txt)

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(call INSTALL,requirements-dev.txt)
