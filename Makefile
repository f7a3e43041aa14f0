# Two commands for everybody: `make demo` and `make test`. Both make the environment if it is missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?= keyphrases,dev
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench wheel freeze clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt Makefile
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $@

demo: $(STAMP) ## run the suite `quick` on the embedded papers and print the board
	$(BIN)/bench run quick

test: $(STAMP) ## the tests that take minutes
	$(BIN)/python -m pytest -m "not slow"

test-all: $(STAMP) ## the slow ones as well
	$(BIN)/python -m pytest

lint: $(STAMP) ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.src $(BIN)/mypy -p readbench -p readbench_adapters
	$(BIN)/lint-imports

bench: $(STAMP) ## speed of the hot paths, saved and compared with the last time
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-autosave --benchmark-compare

wheel: $(STAMP) ## dist/readbench-*.whl
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

freeze: ## write constraints.txt anew from the newest versions that fit pyproject.toml
	rm -rf $(VENV)-freeze && $(PYTHON) -m venv $(VENV)-freeze
	$(VENV)-freeze/bin/pip install --quiet --editable '.[$(EXTRAS)]'
	echo "# One version of everything, as tested. Write it anew with: make freeze" > constraints.txt
	$(VENV)-freeze/bin/pip freeze --exclude-editable >> constraints.txt
	rm -rf $(VENV)-freeze

clean: ## remove the environment; results stay
	rm -rf $(VENV)
