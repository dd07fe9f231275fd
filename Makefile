# The commands of visitors and of CI. They need Python 3.11 or newer, make and bash; everything else goes into .venv.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
WORKERS ?= 2

# pyright asks the network for newer versions; the pinned version is used instead.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help setup setup-dev setup-docs demo test test-all test-lowest test-sdist lint format types docs sdist \
	gallery settings results clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

setup: $(VENV)/.ready ## install the package and its command into .venv, from pinned versions

setup-dev: $(VENV)/.ready-dev ## the same, and the tools for lint, types, tests and builds

setup-docs: $(VENV)/.ready-docs ## the same as setup, and the tools for the documentation site

demo: setup ## train one task in three formats, compare them and write a report (SEED=n: another seed)
	$(BIN)/python -m scratchpad demo --seed $(SEED)

test: setup-dev lint types ## lint, types and tests (WORKERS=n: processes)
	$(BIN)/python -m pytest -n $(WORKERS)

test-all: setup-dev lint types ## the same, and the slow tests, which train every task for minutes
	$(BIN)/python -m pytest -n $(WORKERS) -m "slow or not slow"

test-lowest: $(LOWEST)/.ready ## the tests with the lowest allowed versions, in .venv-lowest
	$(LOWEST)/bin/python -m pytest -n $(WORKERS)

test-sdist: sdist ## the tests of the unpacked source distribution
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		tar --extract --gzip --strip-components 1 --directory "$$folder" --file dist/scratchpad-*.tar.gz && \
		python="$$PWD/$(BIN)/python" && cd "$$folder" && PYTHONPATH="$$folder" "$$python" -m pytest -n $(WORKERS)

lint: setup-dev ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup-dev ## let ruff fix what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup-dev ## pyright
	$(BIN)/pyright

docs: setup-docs ## the documentation site in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

sdist: setup-dev ## the source distribution in dist/, checked against the tracked files
	rm -rf dist
	$(BIN)/python -m build --sdist --no-isolation --outdir dist > /dev/null
	@diff <(git ls-files | sort) <(tar --list --file dist/scratchpad-*.tar.gz | sed -n 's:^[^/]*/::; /[^/]$$/p' | \
		grep -v -e '^PKG-INFO$$' -e '^setup.cfg$$' -e '\.egg-info/' | sort) || \
		{ echo "error: the source distribution and the tracked files differ; see MANIFEST.in" >&2; exit 1; }

gallery: setup ## write docs/gallery.md again from the tasks
	$(BIN)/python -m tools.write_gallery > docs/gallery.md.new
	mv docs/gallery.md.new docs/gallery.md

settings: setup ## write docs/settings.md again from the settings and their descriptions
	$(BIN)/python -m tools.write_settings > docs/settings.md.new
	mv docs/settings.md.new docs/settings.md

results: setup ## write docs/results from finished experiments: make results RUNS="runs/fig4b-small ..."
	$(BIN)/python -m tools.write_results $(RUNS)

clean: ## remove the environments, builds and caches; runs/ stays
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# INSTALL removes the stamp .ready first and writes it last. A missing stamp therefore means that an installation was
# interrupted, and the next one begins with an empty .venv: pip takes a half-copied package for an installed one.
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet install
define CHECK_PYTHON
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: '$(PYTHON)' is not Python 3.11 or newer; choose another: make PYTHON=python3.12 ..." >&2; exit 1; }
endef
define INSTALL
	$(CHECK_PYTHON)
	@echo "installing the versions in $(1) into $(VENV): minutes the first time, seconds after small changes"
	@if [ -e $(VENV)/.ready ]; then rm $(VENV)/.ready; else rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	$(PIP) --requirement $(1)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.ready $@
endef

$(VENV)/.ready: pyproject.toml requirements.txt
	$(call INSTALL,requirements.txt)

$(VENV)/.ready-dev: pyproject.toml requirements.txt requirements-dev.txt | $(VENV)/.ready
	$(call INSTALL,requirements-dev.txt)

$(VENV)/.ready-docs: pyproject.toml requirements.txt requirements-docs.txt | $(VENV)/.ready
	$(call INSTALL,requirements-docs.txt)

$(LOWEST)/.ready: pyproject.toml requirements-lowest.txt
	$(CHECK_PYTHON)
	@echo "installing the versions in requirements-lowest.txt into $(LOWEST): minutes"
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install --requirement requirements-lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@
