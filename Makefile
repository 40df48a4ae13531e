# One command is the truth, and continuous integration calls the same ones.

PYTHON      ?= python3
VENV        ?= .venv
CONSTRAINTS ?= constraints.txt
EXTRAS      ?= dev
BIN   := $(VENV)/bin
READY  := $(VENV)/.installed

.PHONY: help test demo lint types docs dist benchmark bench clean

help:  ## list the commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

# Installs anew only when the package's metadata or the pinned versions change.
$(READY): pyproject.toml setup.cfg $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[$(EXTRAS)]'
	touch $@

# One thread per worker: the tests are many and small.
test: $(READY)  ## every test and doctest, offline, warnings as errors
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

demo: $(READY)  ## fine-tune a pre-trained network on chest X-rays: plain Trainer at four rates, and MetaLR
	HF_HUB_OFFLINE=1 $(BIN)/python examples/demo.py $(ARGS)

lint: $(READY)  ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## static types of the package
	$(BIN)/mypy

docs: $(READY)  ## the documentation site, in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

dist: $(READY)  ## source distribution and wheel, in dist
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

benchmark: $(READY)  ## time and memory of a training step
	$(BIN)/python -m benchmarks.cost $(ARGS)

# DATA names folders with more image sets and networks (benchmarks/README.md); those shipped are always found.
bench: $(READY)  ## accuracy with fixed and with learned rates, a reduced grid (under 20 minutes on two cores)
	$(BIN)/python -m benchmarks.accuracy.grid benchmarks/accuracy/grids/bench.yaml --assets $(DATA) --out outputs/bench/results.jsonl $(ARGS)
	$(BIN)/python -m benchmarks.accuracy.report outputs/bench/results.jsonl --out outputs/bench

clean:  ## remove the environment and what tools left behind
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
