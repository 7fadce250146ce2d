# make demo: the whole story on a virtual iLO and a sample httpd tree. make test: all tests. Both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One more than there are processors: the tests wait for servers part of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: demo test lint types check setup setup-test benchmarks clean

demo: setup
	$(BIN)/auditor demo --folder demo-run

test: setup-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-test
	$(BIN)/mypy

contract: setup-test
	$(BIN)/lint-imports

check: lint types contract

benchmarks: setup-test
	$(BIN)/python -m tests.benchmarks

setup: $(VENV)/.installed tools/.run
setup-test: $(VENV)/.installed-dev tools/.run

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m compileall -q auditor
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# The httpd binary and its modules, without the distribution's service.
.PHONY: tools/.run
tools/.run:
	sh tools/setup-servers

clean:
	rm -rf $(VENV) .tools demo-run dist build
