# Everything a fresh machine needs is Python 3.11, make and a package index (tests over real Kafka: Java 17 and Maven too).
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test soak check types lint quick slow format schemas locks clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup
	$(BIN)/streamguard demo

test: quick slow

# a file's tests stay together: they share brokers and lines
slow: setup
	$(BIN)/pytest -m slow -n 2 --dist loadfile

# hours of faults, for whoever has them: make soak SEEDS="1 2 3" SECONDS_EACH=600; before them hostile texts by the hundred thousand
SEEDS ?= 1 2 3 4 5
SECONDS_EACH ?= 600
HOSTILE ?= 100000
soak: setup
	$(BIN)/python -m tests.fuzz_checks --count $(HOSTILE)
	$(BIN)/python -m tests.chaos.soak --seeds "$(SEEDS)" --seconds $(SECONDS_EACH) --output .cache/soak

# side by side: the type checker and the tests leave each other room on two cores
check: setup
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types lint quick

types: setup
	$(BIN)/basedpyright

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m streamguard.schemas --check
	$(BIN)/python -m streamguard.config.reference --check
	$(BIN)/python -m deploy.locks --check

quick: setup
	$(BIN)/pytest -m "not slow" -n 2

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: setup
	$(BIN)/python -m streamguard.schemas
	$(BIN)/python -m streamguard.config.reference

# what the image installs, from requirements.lock: after every change of it
locks: setup
	$(BIN)/python -m deploy.locks

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache dist build
