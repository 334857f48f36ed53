# Two commands do all the set-up: `make demo` and `make test`. They need Python 3.11 or newer (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
comma := ,
STARTED := $(shell date +%s)
# Spark's engine is tested where Java is; elsewhere its tests say so.
EXTRAS := dev$(if $(shell command -v java),$(comma)spark)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled modules are kept, whatever the shell says: every command of ours would compile them anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo stop notebooks test types tests bench bench-serving soak gate-proof bento vulnerabilities clean
.DEFAULT_GOAL := test

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Levensloop needs Python 3.11 or newer; set PYTHON=...")'
	@echo "Installing into $(VENV); this takes one to three minutes, the first time without a cache longer."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: $(INSTALLED)  ## everything from nothing: simulate, train, sign as demo board, promote, serve
	@$(BIN)/levensloop demo --home .demo --started $(STARTED)

stop:  ## end the service that `make demo` left running
	@if [ -x $(BIN)/levensloop ]; then $(BIN)/levensloop stop --home .demo; else echo "Nothing runs."; fi

notebooks: $(INSTALLED)  ## open the notebooks in a browser; they look at what `make demo` made
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[notebooks]'
	LEVENSLOOP_HOME=$(CURDIR)/.demo $(BIN)/jupyter lab notebooks

test: $(INSTALLED)  ## ruff, mypy --strict and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 types tests

# Of our own, because `test` does both at once.
types: $(INSTALLED)
	$(BIN)/mypy

# A worker more than cores: some always wait for a server, a browser or another process.
tests: $(INSTALLED)
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

bench: $(INSTALLED)  ## the figures of tests/benchmarks/bench_*.py, in a few minutes
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

gate-proof: $(INSTALLED)  ## the gate's answers about as many synthetic customers as they need; about half an hour of computing
	@$(BIN)/python -m training.fairness.gate_proof .gate-proof

bench-serving: $(INSTALLED)  ## what an answer costs, beside an empty service, detection alone and MLflow's server
	@missed=0; for name in bench_permission_read bench_serving; do \
		PYTHONPATH=. $(BIN)/python -m tests.benchmarks.serving.$$name || missed=1; done; exit $$missed

SHARE ?= 1
soak: $(INSTALLED)  ## races, kills, half an hour of load, broken files (about an hour); SHARE=0.1 for a tenth
	PYTHONPATH=. $(BIN)/python -m tests.soak.withdrawal_race --share $(SHARE)
	PYTHONPATH=. $(BIN)/python -m tests.soak.kill_nine --share $(SHARE)
	PYTHONPATH=. $(BIN)/python -m tests.soak.memory --share $(SHARE)
	PYTHONPATH=. $(BIN)/python -m tests.soak.fuzz_statements --share $(SHARE)
	LEVENSLOOP_EXAMPLES=$$($(BIN)/python -c 'print(max(30, int(500 * $(SHARE))))') $(BIN)/pytest -q tests/serving/test_contract.py

bento: $(INSTALLED)  ## what is shipped, without training code; also needs the release in $$LEVENSLOOP_HOME to serve
	BENTOML_DO_NOT_TRACK=True $(BIN)/bentoml build -f serving/bentofile.yaml .

vulnerabilities: $(INSTALLED)  ## known holes in the dependencies; needs the advisory database on the network
	$(BIN)/pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps

clean: stop  ## remove what make made
	rm -rf $(VENV) .demo .demo-audit .gate-proof build *.egg-info .pytest_cache .mypy_cache .ruff_cache
