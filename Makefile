# Everything that is run on this project, by one word each. `make` alone lists the words.
# What they need is installed into the checkout (.venv) the first time; see scripts/bootstrap.

SHELL := /bin/bash
BIN := .venv/bin
WORKERS ?= 2
ARGS ?=

CHECKS := \
	format  '$(BIN)/ruff format --check --quiet --output-format concise . || { echo "hint: make format"; exit 1; }' \
	lint    '$(BIN)/ruff check --quiet .' \
	shell   'scripts/check-shell' \
	yaml    '$(BIN)/yamllint --strict .' \
	actions 'scripts/actionlint' \
	floors  '$(BIN)/lint-imports' \
	types   '$(BIN)/mypy'

.DEFAULT_GOAL := help
.PHONY: help demo demo-up engine rehearse test test-machines bad-days check format golden schema kinds bench sizes lock clean

help: ## Lists these words.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Plans, prices, renders and previews the stack `demo` into build/demo. Needs no account.
	@scripts/bootstrap
	@$(BIN)/mastodon-infra demo --out build/demo

demo-up: ## Deploys the stack `demo` with the real engine into a local cloud in build/demo-up. Needs no account.
	@scripts/bootstrap
	@scripts/demo-up

engine: ## Provides the Pulumi engine: the one on PATH, else the vendor's, else built from its modules (5 minutes, once).
	@scripts/engine

rehearse: ## Boots the stack demo on this computer, verifies it, takes it away. STACK=medium another one, KEEP=1 leaves it up. Root.
	@scripts/bootstrap
	@scripts/engine >/dev/null
	@$(BIN)/mastodon-infra rehearse $(or $(STACK),demo) $(if $(KEEP),--keep)

test: ## Runs all checks and all tests. ARGS='-k postgres' chooses tests.
	@scripts/timed install 'scripts/bootstrap dev' $(CHECKS) \
		engine 'scripts/engine || [ -z "$$CI" ]' tests '$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)'

test-machines: ## Boots real machines from our bundles on this computer, and looks at them. Needs root and systemd-nspawn.
	@scripts/bootstrap dev
	@scripts/engine >/dev/null
	@MASTODON_INFRA_MACHINES=1 $(BIN)/pytest --durations=15 --durations-min=30 tests/machines $(ARGS)

bad-days: ## Lives through thirteen bad days on real machines, and writes build/bad-days.md. Root; ARGS='-k day-6' one of them.
	@scripts/bootstrap dev
	@scripts/engine >/dev/null
	@MASTODON_INFRA_MACHINES=1 MASTODON_INFRA_BAD_DAYS=all $(BIN)/pytest tests/machines/bad_days $(ARGS) && cat build/bad-days.md

check: ## Runs the checks alone: format, lint, shell, YAML, workflows, floors, types.
	@scripts/timed install 'scripts/bootstrap dev' $(CHECKS)

format: ## Formats the Python code and sorts its imports.
	@scripts/bootstrap dev
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

golden: ## Rewrites the golden files from what the code gives now. Read the diff before committing it.
	@scripts/bootstrap dev
	@MASTODON_INFRA_REWRITE_GOLDENS=1 $(BIN)/pytest -n $(WORKERS) -m golden $(ARGS)
	@git --no-pager diff --stat -- tests/golden

schema: ## Rewrites the JSON Schema of the stack file and the generated reference pages.
	@scripts/bootstrap
	@$(BIN)/mastodon-infra schema --write

kinds: ## Runs the engine's tests, and shows which kinds of resources they made, changed, replaced and deleted.
	@scripts/bootstrap dev
	@scripts/engine
	@$(BIN)/pytest -n $(WORKERS) -p tests.engine.exercised tests/engine $(ARGS)

bench: ## Measures the command line's start, the planner's growth, the real engine's previews and, as root, converge.
	@scripts/bootstrap
	@$(BIN)/python benchmarks/run.py $(ARGS)
	@$(BIN)/python benchmarks/engine.py $(ARGS)
	@$(BIN)/python benchmarks/converge.py $(ARGS)

sizes: ## Shows how large each machine's user data is, for every size, and what needs a payload object.
	@scripts/bootstrap
	@$(BIN)/python benchmarks/sizes.py

lock: ## Locks the requirements again. ARGS=--upgrade takes newer versions.
	@scripts/bootstrap
	@scripts/lock $(ARGS)

clean: ## Removes everything that was made, .venv included.
	rm -rf .venv .tools .bootstrap.lock build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
