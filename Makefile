# Every task, for people and for CI: `make` is lint and all tests. Nothing is needed beforehand but Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PREFIX ?= $(HOME)/.kraftwerk
# Salt is large: with bytecode kept, each command that needs it starts a second sooner.
export PYTHONDONTWRITEBYTECODE :=

# What local nodes need, and what the tests need on top (openssh-server: its sshd, as a program, for tests on loopback;
# age: what nodes encrypt backup points with; chromium: what visitors see).
NODE_PACKAGES := mmdebstrap systemd-container nftables iproute2 rsync openssh-client git sudo zstd python3-venv
TEST_PACKAGES := openssh-server gnupg age chromium chromium-driver

# A virtualenv in folder $(1) with $(2) in it, by uv: it leaves out a dependency of Salt's that needs a C compiler.
define virtualenv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kraftwerk needs Python 3.11 or newer; say which one with: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Making $(1)"
	@$(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install --quiet 'uv>=0.9,<1'
	@.ci/uv $(1)/bin pip install --quiet --python $(1)/bin/python $(2)
endef

.PHONY: test lint format docs demo install bench proof clean packages

test: lint ## lint, then all tests, those on real nodes included
	@.ci/packages $(TEST_PACKAGES)
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

lint: $(READY) ## style, types, YAML and states
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	find salt -name '*.sls' -exec $(BIN)/salt-lint {} +

format: $(READY) ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write anew what is generated: docs/cli.md, the sample in docs/kraftwerk-yaml.md
	$(BIN)/python -m tests.cli_reference
	$(BIN)/python -m tests.sample_page

demo: $(READY) ## the main job, on two local nodes; `$(BIN)/kraftwerk demo --clean` removes them
	$(BIN)/kraftwerk demo

install: packages ## kraftwerk in a virtualenv of its own: PREFIX
	$(call virtualenv,$(PREFIX),--reinstall-package kraftwerk .)

bench: $(READY) ## the same work by kraftwerk and its peers, then the bounds of the rest; BENCH="--help" says more
	$(BIN)/python -m tests.benchmarks $(BENCH)
	$(BIN)/pytest -s tests/benchmarks

proof: $(READY) ## what is said of deploys, proven under load; PROOF="--help" says more
	$(BIN)/python -m tests.proof $(PROOF)

clean: ## remove what was made here; nodes stay (kraftwerk destroy-node)
	rm -rf $(VENV) .bench build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@.ci/packages $(NODE_PACKAGES)

$(READY): pyproject.toml | packages
	$(call virtualenv,$(VENV),--group dev --editable .)
	@touch $@
