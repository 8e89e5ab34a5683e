# `make` alone lists the targets. Everything runs from .venv, which `make setup` builds and keeps up to date.
PYTHON ?= python3
MODEL ?= qwen2.5-coder-1.5b
WORKERS ?= 2
BIN := .venv/bin
SOURCES := libs services clients tools benchmarks tests
BENCHMARKS = $(filter-out benchmarks/_% benchmarks/stub_%,$(wildcard benchmarks/*.py))

.DEFAULT_GOAL := help
.PHONY: help setup demo up test check lint format types imports protos protos-check locks locks-check k8s-check image-check rooms bench clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r t d; do printf '  make %-14s %s\n' "$$t" "$$d"; done

setup: ## make .venv with everything in it (done by the others when needed)
	@$(PYTHON) tools/setup.py

demo: setup ## the whole loop on real texts and a real model, several minutes (MODEL=smollm2: quicker)
	@$(BIN)/labelmesh demo --model $(MODEL)

up: setup ## start broker, model and every service here; Ctrl-C stops them
	@$(BIN)/labelmesh up

test: setup ## all tests, with real servers (WORKERS=2: files side by side)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --ignore=tests/e2e
	@# Whole suites with a language model: one of them has use for every core there is.
	@$(BIN)/python -m pytest tests/e2e

check: setup lint types imports protos-check locks-check k8s-check rooms ## everything that looks at the code without running it

lint: setup ## ruff: style and formatting
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

format: setup ## let ruff put it in order
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

types: setup ## mypy --strict over libraries, services and client
	@$(BIN)/mypy

imports: setup ## who may import whom
	@$(BIN)/lint-imports --no-logo

protos: setup ## generate protos/gen
	@$(BIN)/python tools/protos.py

protos-check: setup ## buf lint and format, generated code up to date, nothing broken against main
	@cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format -d --exit-code
	@$(BIN)/python tools/protos.py --check
	@$(BIN)/python tools/breaking.py

locks: setup ## resolve the hashed requirements of every service again
	@$(BIN)/python tools/locks.py

locks-check: setup ## every dependency is in its lock
	@$(BIN)/python tools/locks.py --check

k8s-check: setup ## render deploy/k8s and validate it strictly
	@$(BIN)/python tools/k8s.py

image-check: setup ## replay the Dockerfile for every service, without Docker (minutes; SERVICE=name for one)
	@$(BIN)/python tools/image.py $(SERVICE)

rooms: setup ## sizes of modules and functions, names that must not be committed
	@$(BIN)/python tools/rooms.py

bench: setup ## all benchmarks; each ends with one JSON line
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script; done

clean: ## remove .venv, caches and local state
	rm -rf .venv .labelmesh .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
