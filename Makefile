# `make help` lists the targets.
# Where the system has no redis-server, `serve` needs the one that comes for Python before 3.13.
PYTHON ?= $(or $(shell \
	command -v redis-server > /dev/null \
	|| python3 -c 'import sys; sys.exit(sys.version_info >= (3, 13))' \
	|| for one in python3.12 python3.11; do \
		$$one -c 'import ensurepip' 2> /dev/null && echo $$one && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := build/peers
PEERS_STAMP := $(PEERS)/.installed
# Pip would compile all, the libraries' tests as well, on one core: a third of the time that it takes.
QUIETLY := --quiet --disable-pip-version-check --no-compile
CHROMIUM := /usr/bin/chromium-headless-shell

# Many processes of the tests run the same modules: they are compiled once.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run sample test suite faults exhaustive lint types bench picture pictures peers clean

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(QUIETLY) -c constraints.txt torch==2.13.0
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e '.[runtime,service,embedded,s3,worker,dev]'
	-$(BIN)/python -m compileall -qq -j 0 -x '/tests?/|testing/_internal/' $(VENV)/lib
	@touch $@

# The graders that people come from: the tests compare imports with them.
$(PEERS_STAMP): tests/peers/requirements.txt tests/peers/constraints.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install $(QUIETLY) -c tests/peers/constraints.txt -r tests/peers/requirements.txt
	@touch $@

# The tests look at the pages in it.
$(CHROMIUM):
	@if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium-headless-shell; \
	else \
		echo "the tests need Chromium at $@: apt install chromium-headless-shell" >&2; exit 1; \
	fi

run: $(STAMP) ## Set everything up and run the whole service on this machine
	$(BIN)/chainrule serve

sample: $(STAMP) ## Set everything up and grade the sample submission
	$(BIN)/chainrule grade uw-cse447-a0 rubrics/uw-cse447-a0/sample.ipynb

test: ## Set everything up and run the whole test suite
	$(MAKE) -j 3 $(STAMP) $(PEERS_STAMP) $(CHROMIUM)
	$(MAKE) lint
	$(MAKE) -j 2 types suite

suite: $(STAMP) $(PEERS_STAMP) $(CHROMIUM)
	$(BIN)/python -m pytest -n 3 --dist worksteal

faults: $(STAMP) ## Break an installation in every way that we know of (part of test)
	timeout 1800 $(BIN)/python -m pytest -n 2 tests/faults tests/db/test_histories.py \
		tests/lms/test_histories.py tests/lms/test_passback.py

exhaustive: $(STAMP) $(PEERS_STAMP) ## Grade the corpus under 20 seeds and in 3 orders, try all bundles out (hours)
	$(BIN)/python -m pytest -n 2 --exhaustive tests/integration/test_corpus.py tests/integration/test_bundles.py

lint: $(STAMP) ## Style, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP) ## Static types
	$(BIN)/mypy

bench: $(STAMP) ## Measure speed, as ratios within one run
	$(BIN)/python -m bench

picture: $(STAMP) ## Draw the report that the README shows
	$(BIN)/python docs/images/make_report.py

pictures: $(STAMP) $(CHROMIUM) ## Take a picture of every page, into build/pages
	PYTHONPATH=. $(BIN)/python docs/images/make_pages.py

peers: $(STAMP) $(PEERS_STAMP) ## Write down anew what nbgrader and otter give for the samples
	PYTHONPATH=. $(BIN)/python -m tests.peers.record

clean: ## Remove what the other targets made
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis
