# Every target works in a clean clone: what needs the environment builds it first.
PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.built

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv demo test check lint nightly bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## build the environment, on the exact versions of constraints.txt

# Rebuilt whole, not updated: an environment that grew is not the one that was locked.
$(STAMP): pyproject.toml constraints.txt requirements.txt
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip check
	touch $@

demo: $(STAMP) ## run the whole loop on the bundled samples, in ./demo-lake
	$(BIN)/dl demo

test: $(STAMP) ## run every test that needs no server
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

check: lint test ## what a change must pass: lint, then test

lint: $(STAMP) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Where atheris has no wheel, its install fails and the fuzzing is skipped, which the end of the run says.
nightly: $(STAMP) ## every test there is: full sweeps and servers included
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev,fuzz]'
	$(BIN)/python -m pytest -m "" --timeout 3600 $(PYTEST_ARGS)

bench: $(STAMP) ## measure speed and memory
	$(BIN)/python -m tests.bench --write-docs

lock: ## resolve the dependencies anew and write constraints.txt
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fuzz]'
	$(BIN)/python -m pip check
	{ echo '# The exact versions that are tested, on Python 3.11. Made by `make lock`.'; \
	  $(BIN)/python -m pip freeze --exclude-editable; } > constraints.txt
	touch $(STAMP)

clean: ## remove what these targets made, the environment included
	rm -rf $(VENV) dist demo-lake .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
