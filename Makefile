# What a developer runs. The virtual environment in .venv is made if it is missing.
.POSIX:
.PHONY: help check test ci docs

PYTHON = python3

help: # list the targets
	@sed -n 's/^\([a-z]*\):[^#]*# /make \1	/p' Makefile

check: .venv/bin/ruff # lint, types and unit tests: under a minute
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/trial clock.tests

test: .venv/bin/ruff # the tests of real servers and clients: some minutes
	.venv/bin/pytest -n 4 --dist loadfile

ci: # all of it, in fresh clones and environments; as root, it installs tools
	.ci/run

docs: .venv/bin/ruff # the documentation as a site: begin at site/index.html
	.venv/bin/sphinx-build -W docs site

# An environment that the README's commands made has no tools such as ruff.
.venv/bin/ruff:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -e '.[dev]'
