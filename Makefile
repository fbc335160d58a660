# Everything a person needs to run, test or measure this project. `make help` lists it.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo $$p && break; done)
BIN := .venv/bin
ONCE ?=

.PHONY: help demo test soak check bench lock messages clean

help: ## What can be done here
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

demo: .venv/runtime ## The whole service on example content; ONCE=1 runs the story unattended
	@$(BIN)/mailer demo $(if $(ONCE),--once)

test: .venv/development ## Install what the tests need, then run every check and every test
	@scripts/install-test-parts
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest -n 2 --dist worksteal

soak: .venv/development ## Kill the worker hundreds of times in mid-send (about an hour)
	@scripts/install-test-parts
	@$(BIN)/pytest -m soak -s tests/soak

check: .venv/development ## Format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/development ## Measure speed and memory (see benchmarks/)
	@$(BIN)/python -m benchmarks

lock: ## Pin the newest versions that pyproject.toml allows: what is tested is what runs
	@uv pip compile pyproject.toml --extra postgres --extra celery --group dev $(LOCK_OPTIONS) -o requirements-dev.lock
	@uv pip compile pyproject.toml --extra postgres $(LOCK_OPTIONS) -c requirements-dev.lock -o requirements.lock
	@uv pip compile pyproject.toml --extra postgres --extra celery $(LOCK_OPTIONS) -c requirements-dev.lock -o requirements-celery.lock
LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade

messages: .venv/development ## Collect the words to translate and merge them into the catalogues
	@$(BIN)/python scripts/messages.py

clean: ## Remove what make has made
	rm -rf .venv demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing: on Debian, apt-get install python3-venv."; exit 1; }

.venv/runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing (once; about half a minute) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/development: requirements-dev.lock pyproject.toml | .venv/bin/python
	@echo "Installing (once; about a minute) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ .venv/runtime
