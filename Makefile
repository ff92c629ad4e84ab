# Acore: `make demo` plays a conversation, `make test` runs every test. Both set up what they need.
PYTHON ?= python3
VENV ?= .venv
EXTRAS_VENV ?= .venv-extras
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Acore needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Acore into $(VENV) (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -c constraints.txt -e '.[dev]' | grep -vE '^(Requirement already|Collecting|  Using cached|  Preparing|  Getting|  Installing|Obtaining|  Checking)' || true
	@$(BIN)/acore --version
	@touch $(STAMP)

.PHONY: install
install: $(STAMP) ## Set up .venv and fetch the embedded models
	@$(BIN)/acore models pull

.PHONY: demo
demo: $(STAMP) ## Play a conversation through the whole pipeline into demo-out/
	@$(BIN)/acore demo

.PHONY: test
test: install ## Run every test, the linter and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q

.PHONY: test-extras
test-extras: ## Test the engines that need torch, in an environment of their own (3.6 GB)
	@test -x $(EXTRAS_VENV)/bin/python || $(PYTHON) -m venv $(EXTRAS_VENV)
	@$(EXTRAS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	@$(EXTRAS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints-extras.txt -e ".[test-extras]"
	$(EXTRAS_VENV)/bin/python -m pytest -q tests/extras

.PHONY: bench
bench: install ## Measure every figure we claim (about an hour and a half on two quiet cores)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench-livekit]'
	$(BIN)/acore bench record

.PHONY: lint
lint: $(STAMP) ## Run the linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(STAMP) ## Run the type checker
	$(BIN)/pyright --pythonpath $(BIN)/python

.PHONY: clean
clean: ## Remove .venv, caches and outputs (not the models)
	rm -rf $(VENV) $(EXTRAS_VENV) demo-out .pytest_cache .ruff_cache .hypothesis .benchmarks build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
