# Everything is set up in .venv, on first use; nothing else on the machine is touched.

PYTHON ?= python3
ARGS ?=
BENCHES := framework boards bulk hub hub_plan windows
BIN := .venv/bin

# Hashes pin every package, and so does the build of wz itself: with the locked setuptools, not a newer one.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --require-hashes -r
INSTALL_WZ = $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help up test check crash bench lock clean clients

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

up: .venv/stack  ## Run everything on http://127.0.0.1:8080; other options: make up ARGS="--port 9000"
	@$(BIN)/wz up $(ARGS)

test: .venv/dev  ## Run the whole suite; a part of it: make test ARGS=tests/deploy
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check: .venv/dev  ## Run ruff, mypy --strict and import-linter
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

crash: .venv/dev  ## Kill everything that can be killed while events are sent; longer: make crash ARGS="--minutes 10"
	@$(BIN)/python -m tests.crash $(ARGS)

bench: .venv/dev  ## Run the benches, side by side with peers; options: make bench ARGS=--quick
	@set -e; for name in $(BENCHES); do $(BIN)/python -m bench.$$name $(ARGS); done

clients:  ## Install the Node clients that the tests then run, too (what they send is replayed without)
	@npm ci --silent --prefix tests/clients

lock: .venv/lock  ## Pin the newest packages that pyproject.toml allows (with Python 3.11, the oldest that is supported)
	@$(MAKE) --no-print-directory requirements/stack.txt.new requirements/dev.txt.new
	@mv requirements/stack.txt.new requirements/stack.txt
	@mv requirements/dev.txt.new requirements/dev.txt

clean:  ## Delete .venv and caches, not the data in .wz
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info

# -- set-up ----------------------------------------------------------------------------------------------------------

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "wz needs Python 3.11 or newer; '$(PYTHON)' is not. Name one that is: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv

.venv/stack: .venv/bin/python requirements/stack.txt pyproject.toml
	@$(PIP_INSTALL) requirements/stack.txt
	@$(INSTALL_WZ)
	@touch $@

# What `make up` needs is among it.
.venv/dev: .venv/bin/python requirements/dev.txt requirements/stack.txt pyproject.toml
	@echo "Installing the packages for development"
	@$(PIP_INSTALL) requirements/dev.txt
	@$(INSTALL_WZ)
	@touch .venv/stack $@

# -- lock ------------------------------------------------------------------------------------------------------------

# setuptools is pinned like any other; wz itself, which the extra `dev` names, is not.
COMPILE = CUSTOM_COMPILE_COMMAND='make lock' .venv/lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	--unsafe-package=wz --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--output-file=- pyproject.toml requirements/also.in
.PHONY: requirements/stack.txt.new requirements/dev.txt.new

.venv/lock: .venv/bin/python
	@$(BIN)/python -m venv .venv/lock
	@.venv/lock/bin/python -m pip install --quiet pip-tools==7.6.2

requirements/stack.txt.new:
	@$(COMPILE) --extra stack > $@

requirements/dev.txt.new: requirements/stack.txt.new
	@$(COMPILE) --extra dev --constraint requirements/stack.txt.new | sed -e '/^# WARNING/,$$d' -e 's/\.new$$//' > $@
