# Headgate: set up, run, test and check. `make` alone lists the targets.

SHELL := /bin/bash
# Images often ask for no bytecode; hundreds of short processes would then compile the same modules again and again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
# The small tests of a file stay together in one process, those of whole daemons go one by one (tests/conftest.py).
# Many of them wait rather than work: one process more than there are cores.
PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
IN_PARALLEL = -n $(PROCESSES) --dist loadgroup --no-loadscope-reorder

.PHONY: help demo stack test quick faults coverage soak check check-static check-rest cases bench bench-scale docs screenshots \
	format clean ledger-sql messages services gotools dashboards manifests mutate-rules dashboard-pictures mail-pictures watched-load

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.venv/bin/pip:
	@deploy/make-venv.sh "$(PYTHON)" .venv

.venv/.runtime: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,mail]'
	@touch $@ .venv/.runtime

.venv/.bench: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@ .venv/.runtime

services: ## install what the tests need from the system's packages, where that is possible
	@deploy/install-services.sh

gotools: ## build the checkers that are written in Go, where Go is present
	@deploy/install-go-tools.sh

demo: .venv/.runtime ## load the example workbooks on SQLite and watch (ONCE=1: check them and end)
	@$(BIN)/python examples/demo.py $(if $(ONCE),--once)

stack: .venv/.runtime services ## the demo, watched by Prometheus and Alertmanager (ONCE=1: check them and end)
	@$(BIN)/python examples/stack.py $(if $(ONCE),--once)

# Every test once, in several processes; those that need the machine for themselves afterwards, one by one.
test: .venv/.dev .venv/.bench services gotools ## set up and run every test (EXCEPT=tests/contract leaves a folder out)
	$(BIN)/python -m pytest -m "not alone" $(IN_PARALLEL) $(EXCEPT:%=--ignore=%)
	$(BIN)/python -m pytest -m alone $(EXCEPT:%=--ignore=%)

quick: .venv/.dev ## run the tests that need no service and no patience: on every save
	$(BIN)/python -m pytest -m "not slow and not alone" $(IN_PARALLEL) --ignore=tests/system

coverage: .venv/.dev .venv/.bench services gotools ## run every test and say which lines none of them reaches
	$(BIN)/python tests/support/coverage_report.py

soak: .venv/.bench services ## run mixed tasks for a while and draw memory, descriptors and threads (MINUTES=10)
	PYTHONPATH=tests/support:tests/support/tasks $(BIN)/python tests/bench/soak.py $(if $(MINUTES),--minutes $(MINUTES))

faults: .venv/.dev services ## inject every fault of the matrix into real processes
	$(BIN)/python -m pytest -m fault

check: check-static check-rest ## format, lint, types, rules, contracts

check-static: .venv/.dev ## what is told without running anything: format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check-rest: .venv/.dev services gotools
	deploy/check-monitoring.sh
	$(BIN)/python alerts/mutate.py
	$(BIN)/python -m pytest tests/contract $(IN_PARALLEL)

mutate-rules: .venv/.dev services ## bend every rule and see that a test notices
	$(BIN)/python alerts/mutate.py

cases: .venv/.dev services ## load the small files of ../shared/cases, where that folder is
	@deploy/run-cases.sh

bench: .venv/.bench services ## measure beside what people use today (docs/bench.md; ONLY=shapes SHAPES=ods ROWS=200000)
	PYTHONPATH=tests/support $(BIN)/python tests/bench $(if $(ONLY),--only $(ONLY)) $(if $(SHAPES),--shapes $(SHAPES)) \
		$(if $(ROWS),--rows $(ROWS)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(SLOW_ROUNDS),--slow-rounds $(SLOW_ROUNDS)) $(if $(FAST),--fast)

bench-scale: .venv/.bench services ## measure 1, 2 and 4 daemons on one ledger, and one of a million jobs (docs/scaling.md; QUICK=1)
	PYTHONPATH=tests/support $(BIN)/python tests/bench/scaling.py $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) \
		$(if $(ROUNDS),--rounds $(ROUNDS))

dashboards: .venv/.dev ## build grafana/dashboards from grafana/build.py
	$(BIN)/python grafana/build.py

docs: .venv/.dev ## make the pages that are generated
	$(BIN)/python -m daemon.config.page > docs/configuration.md
	$(BIN)/python -m daemon.metrics.page > docs/metrics.md
	$(BIN)/python tests/support/architecture.py > docs/architecture.svg
	$(BIN)/python tests/support/error_pages.py

messages: .venv/.dev ## bring ingest/locale up to what the source says; what it lists is to be translated
	PYTHONPATH=tests/support $(BIN)/python tests/support/catalogues.py

ledger-sql: .venv/.dev services ## write the SQL of a new ledger anew, after a new revision of its tables
	PYTHONPATH=tests/support $(BIN)/python tests/support/ledger_schema.py

manifests: .venv/.dev ## build deploy/kubernetes/prometheusrule.yaml from alerts/rules
	$(BIN)/python deploy/kubernetes/build_rule.py

screenshots: .venv/.dev services ## take the pictures of the page in docs/screenshots anew
	PYTHONPATH=tests/support $(BIN)/python tests/support/screenshots.py

dashboard-pictures: .venv/.dev services ## draw the dashboards in docs/screenshots from half an hour of recorded load (MINUTES=30)
	PYTHONPATH=tests/support $(BIN)/python tests/support/dashboard_pictures.py $(if $(MINUTES),--minutes $(MINUTES))

mail-pictures: .venv/.dev services ## draw the mails in docs/screenshots
	PYTHONPATH=tests/support $(BIN)/python tests/support/mail_pictures.py

watched-load: .venv/.dev services ## run healthy daemons under the shipped rules and say what alerts (MINUTES=20)
	PYTHONPATH=tests/support $(BIN)/python tests/support/monitored_load.py .cache/watched-load --minutes $(or $(MINUTES),20)

format: .venv/.dev ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what was made here
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist examples/var *.egg-info
