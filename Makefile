# Everything is set up in .venv, on first use; nothing else on the machine is touched.

PYTHON ?= python3
ARGS ?=
BENCHES := framework layers tour sums boards bulk hub hub_plan windows jobs service gunicorn reload flood console
BIN := .venv/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help up docs pictures test check format crash soak bench lock clean clients

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

up: .venv/stack  ## Run everything on http://127.0.0.1:8080; other options: make up ARGS="--port 9000"
	@$(BIN)/wz up $(ARGS)

# Always anew (-E, seconds): a second build would read only what has changed, and so forget the warnings of the first.
docs: .venv/docs  ## Build the guide into .site, to be opened at .site/index.html; a warning is an error
	@$(BIN)/python -P docs/_ext/build_site.py -q -E -W --keep-going

pictures: .venv/dev  ## Draw the guide's pictures anew, from code and stored figures (not those of the console)
	@$(BIN)/python -m bench.pictures

# The suite starts a hundred Pythons or more: without bytecode, each would compile all anew.
test: .venv/dev  ## Run the whole suite; a part of it: make test ARGS=tests/wz (tests/README.md lists the parts)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

check: .venv/dev  ## Run ruff, mypy --strict and import-linter
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/dev  ## Format the code, and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

crash: .venv/dev  ## Kill everything that can be killed while events are sent; longer: make crash ARGS="--minutes 10"
	@$(BIN)/python -m tests.crash $(ARGS)

soak: .venv/dev  ## Disturb the deployment under load for ten minutes; shorter: make soak ARGS="--minutes 1"
	@$(BIN)/python -m tests.soak $(ARGS)

bench: .venv/dev  ## Run the benches, side by side with peers; options: make bench ARGS=--quick
	@set -e; for name in $(BENCHES); do $(BIN)/python -m bench.$$name $(ARGS); done

clients:  ## Install the Node clients that the tests then run as well (what they send is replayed without)
	@npm ci --silent --prefix tests/clients

lock: .venv/lock  ## Pin the newest packages that pyproject.toml and requirements/*.in allow
	@$(MAKE) --no-print-directory requirements/stack.txt.new requirements/dev.txt.new requirements/docs.txt.new
	@mv requirements/stack.txt.new requirements/stack.txt
	@mv requirements/dev.txt.new requirements/dev.txt
	@mv requirements/docs.txt.new requirements/docs.txt

clean:  ## Delete .venv, the built guide and caches, not the data in .wz
	rm -rf .venv .site .site.new.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info

# -- set-up ----------------------------------------------------------------------------------------------------------

# Prints a line, then installs in silence; if that fails, shows all that pip had to say.
# Hashes pin every package, and so does the build of wz itself: with the locked setuptools, not a newer one.
define install
@printf 'Installing %s packages into .venv (about %s s) ...\n' "$$(grep -c == $(1))" $(2)
@$(BIN)/python -m pip install --quiet --require-hashes -r $(1) > .venv/pip.log 2>&1 \
	&& $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . >> .venv/pip.log 2>&1 \
	|| { cat .venv/pip.log >&2; exit 1; }
endef

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "wz needs Python 3.11 or newer; '$(PYTHON)' is not. Name one that is: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv .venv

.venv/stack: .venv/bin/python requirements/stack.txt pyproject.toml
	$(call install,requirements/stack.txt,15)
	@touch $@

# What builds the guide, beside the stack.
.venv/docs: .venv/stack requirements/docs.txt
	$(call install,requirements/docs.txt,10)
	@touch $@

# What `make up` and `make docs` need is among it.
.venv/dev: .venv/bin/python requirements/dev.txt requirements/stack.txt pyproject.toml
	$(call install,requirements/dev.txt,60)
	@touch .venv/stack .venv/docs $@

# -- lock ------------------------------------------------------------------------------------------------------------

# Made with Python 3.11, the oldest that is supported. `--unsafe-package=pip`, which leaves out pip alone, so that
# setuptools is pinned like any other.
COMPILE = CUSTOM_COMPILE_COMMAND='make lock' .venv/lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	--unsafe-package=pip --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file=-
.PHONY: requirements/stack.txt.new requirements/dev.txt.new requirements/docs.txt.new

.venv/lock: .venv/bin/python
	@$(BIN)/python -m venv .venv/lock
	@.venv/lock/bin/python -m pip install --quiet pip-tools==7.6.2

# `wz up` needs the command line, and the service its page at /docs and its console.
requirements/stack.txt.new:
	@$(COMPILE) pyproject.toml requirements/stack.in --extra cli --extra docs --extra sessions --extra templates > $@

requirements/dev.txt.new: requirements/stack.txt.new
	@$(COMPILE) pyproject.toml requirements/dev.in --all-extras --constraint requirements/stack.txt.new | sed 's/\.new$$//' > $@

# All of it is in dev.txt as well, in the same versions.
requirements/docs.txt.new: requirements/dev.txt.new
	@$(COMPILE) requirements/docs.in --constraint requirements/dev.txt.new | sed 's/\.new$$//' > $@
