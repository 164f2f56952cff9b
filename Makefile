# What a newcomer types: make demo, make test. Both prepare the clone first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test check format lock mutants clean

install:
	@$(PYTHON) deploy/local/install.py

demo: install
	@$(BIN)/frikort demo

test: install
	@$(BIN)/pytest

# Everything but the tests that need real servers.
check: install
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -m "not slow"

format: install
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

# Pins every package, for every Python from 3.11 on, with hashes and no registry's address.
lock: install
	@$(BIN)/python -m deploy.local.lock
	@$(BIN)/pip --quiet install uv
	@$(BIN)/uv pip compile requirements.in --output-file requirements.txt --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

# Leaves the data (.frikort) alone; frikort down stops what runs.
clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis mutants dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Changes the pure modules a line at a time and shows which changes no test notices: long.
# What it found, and what is equivalent: docs/mutants.md.
mutants: install
	@$(BIN)/pip --quiet install "mutmut>=3.3,<4"
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results
