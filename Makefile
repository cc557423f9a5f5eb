# Everything runs in virtual environments of its own, made when needed.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
DEMO = .venv-demo
PIP = pip install --quiet --disable-pip-version-check

# What "make test" leaves out needs other programs, or minutes.
FAST = not (mediawiki or redis or browser or pywikibots or slow)
PYTEST = $(BIN)/python -m pytest -p no:randomly -n 2
TESTS =
LIKE = 1.43
N = 20
PYWIKIBOT =

.PHONY: demo wiki test test-all test-pywikibots flaky coverage stress faults \
    bench lint clean

$(VENV)/installed: setup.cfg
	@echo 'Installing what the tests need into $(VENV)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/$(PIP) --editable '.[test]'
	@touch $@

# What a user installs, and Pywikibot's scripts.
$(DEMO)/installed: setup.cfg $(wildcard pywikibot_oauth2/*.py \
    pywikibot_oauth2/*/*.py)
	@echo 'Installing pywikibot-oauth2 and pywikibot-scripts into $(DEMO)'
	@$(PYTHON) -m venv $(DEMO)
	@$(DEMO)/bin/$(PIP) . pywikibot-scripts
	@touch $@

# A bot owner's whole way, on a wiki on this machine.
demo: $(DEMO)/installed
	@$(DEMO)/bin/python -m tests.demo --like $(LIKE)

# The wiki by itself, for a person.
wiki: $(VENV)/installed
	@$(BIN)/python -m tests.sandbox

test: $(VENV)/installed
	$(PYTEST) --dist worksteal -m '$(FAST)' $(TESTS)
	@echo 'Left out: the tests that need MediaWiki, Redis, Chromium, other' \
	    'versions of Pywikibot, or minutes: "make test-all" runs them.'

# Everything, among it what needs MediaWiki, Redis and Chromium.
test-all: $(VENV)/installed
	$(PYTEST) --dist loadscope $(TESTS)

# Each supported major version of Pywikibot, or that in PYWIKIBOT.
test-pywikibots: $(VENV)/installed
	@$(BIN)/python -m tests.pywikibots $(PYWIKIBOT)

# Whether a test fails now and then on a busy machine.
flaky: $(VENV)/installed
	@$(BIN)/python -m tests.flaky $(N) -m '$(FAST)' $(TESTS)

coverage: $(VENV)/installed
	$(PYTEST) --dist worksteal \
	    -m 'not (mediawiki or browser or pywikibots)' --cov \
	    --cov-report=term-missing:skip-covered

# Many processes on one authorization, some of them killed all the time.
stress: $(VENV)/installed
	@$(BIN)/python -m tests.stress --like $(LIKE)

# Every fault that the disk, the clock, the network or the wiki can have.
faults: $(VENV)/installed
	@$(BIN)/python -m tests.faults

# What it costs, beside what users would pick instead.
bench: $(VENV)/installed
	@$(BIN)/python -m benchmarks

# Words, code and what is published: what these run decides, and CI and the
# hooks of pre-commit run the same.
.PHONY: docs dist

$(VENV)/lint: $(VENV)/installed
	@$(BIN)/$(PIP) --editable '.[lint]'
	@touch $@

$(VENV)/docs: $(VENV)/installed
	@$(BIN)/$(PIP) --editable '.[docs]'
	@touch $@

lint: $(VENV)/lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows \
	    .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
	    .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.readthedocs \
	    .readthedocs.yaml

# A warning, such as a link to nowhere, is an error.
docs: $(VENV)/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky \
	    --builder html docs build/docs
	@echo 'See build/docs/index.html'

# What is published, checked, and imported as pip installs it. A relative link
# would lead nowhere on the package index.
dist: $(VENV)/lint
	rm -rf dist build/lib build/bdist.*
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv --clear build/wheel
	build/wheel/bin/$(PIP) dist/*.whl
	@! grep -E '\]\(([^h]|h[^t])' \
	    build/wheel/lib/python*/site-packages/pywikibot_oauth2-*/METADATA
	cd build && PYWIKIBOT_NO_USER_CONFIG=2 wheel/bin/python -c \
	    'import pywikibot_oauth2 as o; print(o.__version__, o.__file__)'

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .pytest_cache \
	    .ruff_cache .hypothesis .coverage*
