# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint benchmark

# torch goes first and alone: asked for by another package it would bring several GB of CUDA along.
$(VENV)/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "torch==2.13.0"
	$(BIN)/python -m pip install -q -e ".[dev]"
	touch $@

demo: $(VENV)/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/ready
	$(BIN)/python -m pytest -m slow --timeout 3600

benchmark: $(VENV)/ready
	$(BIN)/python benchmarks/default.py --json docs/default-model.json
	$(BIN)/python benchmarks/naming.py --json docs/naming.json
	$(BIN)/python benchmarks/ask.py --json docs/ask.json
	$(BIN)/python benchmarks/figures.py
