# What a newcomer types: make demo, make test. Both prepare the clone first.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
# Slow tests mostly wait for servers: one more than there are cores.
SLOW_WORKERS ?= 3
SEED ?= 1

.PHONY: install demo test test-long check simulate chaos mutants format lock clean

install:
	@$(PYTHON) deploy/local/install.py

demo: install
	@$(BIN)/frikort demo

test: install
	@$(BIN)/python -m deploy.local.browser
	@$(BIN)/pytest -q -m "not slow" -n $(WORKERS) --dist loadfile
	@$(BIN)/pytest -q -m "slow and not long" -n $(SLOW_WORKERS) --dist loadfile

# The simulation's servers held against the real ones.
test-long: install
	@$(BIN)/pytest -m long

# What needs no running: lint, format, types, import rules.
check: install
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The ledger in simulated time under every fault; a seed that fails gives the same run again.
RUNS ?= 10000
simulate: install
	@$(BIN)/python -m tests.simulation --runs $(RUNS) --seed $(SEED)

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
	rm -rf node_modules services/chassis/web/static/dkfds tests/e2e/pictures
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis mutants dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Kills, pauses and cuts off every part of a real stack at work, then looks for what is lost or
# double: long. MINUTES bounds it; what was reached by then is judged and told.
KILLS ?= 100
PAUSES ?= 100
KAFKA_KILLS ?= 30
OTHERS ?= 10
MINUTES ?= 180
AT_ONCE ?= 4
chaos: install
	@$(BIN)/python -m tests.chaos.run --kills $(KILLS) --pauses $(PAUSES) \
		--kafka-kills $(KAFKA_KILLS) --others $(OTHERS) --seed $(SEED) \
		--minutes $(MINUTES) --at-once $(AT_ONCE)

# Changes the pure modules a line at a time and shows which changes no test notices: long.
# Of one module: make mutants MODULE=services.payroll.warnings
# What it found, and what is equivalent: docs/mutants.md.
mutants: install
	@$(BIN)/pip --quiet install "mutmut>=3.8,<4"
	@$(BIN)/mutmut run $(MODULE:%='%.*')
	@$(BIN)/mutmut results | grep -v ': not checked' || true
