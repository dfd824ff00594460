# Two commands on a fresh machine: `make run` and `make test`. Neither asks questions; each does all the set-up it needs.
PYTHON ?= python3
COMPILE = .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --quiet pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup lock

help:
	@echo "make run    start everything here and print the address"
	@echo "make test   run every test, in a real browser too"

setup: .venv

.venv: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Retort needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements/dev.txt
	@touch .venv

lock:
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --extra dev --output-file requirements/dev.txt
