# `make help` lists what there is. Everything works from a fresh checkout.

# The first Python on this machine that is new enough; another one: make up PYTHON=/path/to/python
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
ifeq ($(strip $(PYTHON)),)
PYTHON := python3
endif
RUN := .venv/bin/python
TESTING := DJANGO_SETTINGS_MODULE=stateward.settings.test
PYTEST := $(RUN) -m pytest

export PYTHONPATH :=
.DEFAULT_GOAL := help
.PHONY: help up test coverage check checks bench faults lock sbom document clean browser install install-dev peers

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

up: install ## install and start everything; Ctrl-C stops it, the next one continues
	@exec $(RUN) -m stateward.operations.stack up --follow-parent

test: install-dev browser checks ## every check and every test, the browser's too
	$(PYTEST) -n 2 $(ARGS)

coverage: install-dev browser ## every test, and which lines and branches none of them met
	$(PYTEST) -n 2 --cov --cov-report=term:skip-covered --cov-report=xml:build/coverage.xml $(ARGS)

check: install-dev checks ## the quick part: format, lint, types, import contracts, migrations

checks:
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m djlint templates --lint --quiet
	.venv/bin/lint-imports
	$(TESTING) $(RUN) manage.py check
	@# It would like to compare with a database; a test does that.
	$(TESTING) $(RUN) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(RUN) -m mypy

bench: install-dev peers ## measure against the floors and the peers, or ARGS="growth", "soak"; see docs/benchmarks.md
	$(RUN) -m bench $(ARGS)

faults: install-dev ## only the tests that kill, cut and corrupt; what must be quick is judged too
	STATEWARD_JUDGE_SPEED=1 $(PYTEST) -m "stack or faults" $(ARGS)

lock: install-dev ## compute the locked requirements anew from pyproject.toml
	$(RUN) requirements/lock.py

sbom: ## write what an installation is made of to build/sbom.cdx.json (CycloneDX)
	@$(RUN) requirements/sbom.py $(ARGS)

document: install-dev ## agree to the API as it is published now: tests/web/published.txt
	@$(RUN) -m tests.web.published

clean: ## remove what was built; .venv and the data in .stateward stay
	rm -rf build frontend/node_modules .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*

install:
	@$(PYTHON) requirements/install.py server

install-dev:
	@$(PYTHON) requirements/install.py dev

peers:
	@$(PYTHON) requirements/peers.py

browser:
	@$(RUN) requirements/browser.py
