# Everything runs in a virtual environment of its own, made when needed.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin

.PHONY: demo wiki test test-pywikibots lint stress faults bench clean

$(VENV)/installed: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check \
	    --editable '.[test,lint,bench]'
	touch $@

# A bot owner's whole way, on a wiki on this machine.
demo: $(VENV)/installed
	@$(BIN)/python -m tests.demo

# The wiki by itself, for a person.
wiki: $(VENV)/installed
	@$(BIN)/python -m tests.sandbox

test: $(VENV)/installed
	$(BIN)/python -m pytest $(TESTS)

# The newest of each major version of Pywikibot from 9 on.
test-pywikibots: $(VENV)/installed
	@$(BIN)/python -m tests.pywikibots

# Many processes on one authorization, some of them killed all the time.
stress: $(VENV)/installed
	@$(BIN)/python -m tests.stress

# Every fault that the disk, the clock, the network or the wiki can have.
faults: $(VENV)/installed
	@$(BIN)/python -m tests.faults

# What it costs, beside what users would pick instead.
bench: $(VENV)/installed
	@$(BIN)/python -m benchmarks

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache \
	    .ruff_cache .hypothesis
