# One command each: `make demo` runs the doctor on the broken VM it carries; `make test` runs everything that this machine can test.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SOURCES := $(shell find src rules -type f -not -name '*.pyc' 2>/dev/null)

.PHONY: demo test check format lint types docs docs-fresh bench wheel constraints clean

demo: $(VENV)/.installed
	@$(BIN)/dddoctor demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: lint types docs-fresh test

format: $(VENV)/.installed-dev
	$(BIN)/ruff format src tests benchmarks tools hatch_build.py
	$(BIN)/ruff check --fix src tests benchmarks tools hatch_build.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check src tests benchmarks tools hatch_build.py
	$(BIN)/ruff check src tests benchmarks tools hatch_build.py

types: $(VENV)/.installed-dev
	$(BIN)/mypy

docs: $(VENV)/.installed-dev
	$(BIN)/python tools/make_docs.py

docs-fresh: $(VENV)/.installed-dev
	$(BIN)/python tools/make_docs.py --check

bench: $(VENV)/.installed-dev
	$(PYTHON) benchmarks/ratios.py

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# The newest of everything, then the tests; `git diff` shows what moved.
PINNED := docker|hatchling|hypothesis|jsonschema|mypy|psutil|pyflakes|PyMySQL|pytest|PyYAML|rich|ruff|tree-sitter|tree-sitter-ruby|typer|types-.*
constraints: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable '.[dev]'
	{ grep '^#' constraints.txt; $(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable | grep -iE '^($(PINNED))=='; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Editable, so that what is edited is what runs.
$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed
