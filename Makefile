# The commands of this project. Every target installs what it needs into .venv, once.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
GENERATED := protos/python
# Our three distributions go together: the first two are on no index. Each needs the one before.
OURS := -e protos/python -e clients/python
# Digests of every file of every package, whatever platform it is for; no address of an index gets into the file.
COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
	--no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	-c requirements.lock --find-links build/wheels
WITHOUT_OURS := awk '/^[^ ]/ { ours = /^crossrank-/ } !ours'
REQUIREMENTS := pyproject.toml protos/python/pyproject.toml clients/python/pyproject.toml requirements.lock

.DEFAULT_GOAL := help
.PHONY: help demo train-demo up down test test-fast lint proto docs manifests loadtest bench bench-quick lock sbom clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.local  ## Show three real users before and after re-ranking, then stop everything
	$(BIN)/crossrank demo

train-demo: $(VENV)/.dev  ## Train, export, judge and measure a small cross-encoder: the whole chain in minutes
	$(BIN)/crossrank train-demo

up: $(VENV)/.local  ## Start PostgreSQL, Triton and the gateway, and leave them running
	$(BIN)/crossrank up

down: $(VENV)/.local  ## Stop them; data and logs stay in .crossrank
	$(BIN)/crossrank down

test: $(VENV)/.dev  ## Run every test, end to end on a real Triton and a real PostgreSQL
	$(BIN)/python -m pytest

test-fast: $(VENV)/.dev  ## Run the tests that need no server and no torch, to work by: in under two minutes
	$(BIN)/python -m pytest --fast -n logical --dist loadscope

lint: $(VENV)/.dev  ## Check style, types, imports and the API definition
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 clients/python/crossrank_client
	$(BIN)/lint-imports
	$(BIN)/buf lint protos

proto: $(VENV)/.dev  ## Generate the Python code of the API
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos --python_out=$(GENERATED) \
		--pyi_out=$(GENERATED) --grpc_python_out=$(GENERATED) --mypy_grpc_out=quiet:$(GENERATED) protos/crossrank/v1/*.proto
	cp protos/crossrank/v1/service_config.json $(GENERATED)/crossrank/v1/

docs: $(VENV)/.dev  ## Write the generated tables of the documents
	$(BIN)/python -m tests.docs.tables
	$(BIN)/python -m clients.command_line.shared.reference
	$(BIN)/python -m training.options.reference

manifests: $(VENV)/.dev  ## Check the Kubernetes manifests offline
	$(BIN)/python -m pytest tests/deploy/kubernetes tests/deploy/docker

loadtest: $(VENV)/.load  ## Load Triton and the gateway with perf_analyzer until they are saturated; page in build/loadtest
	$(BIN)/crossrank sweep

bench: $(VENV)/.dev  ## Compare with sentence-transformers, Infinity, ONNX Runtime and Triton: same weights, half an hour
	$(BIN)/crossrank bench

bench-quick: $(VENV)/.dev  ## The same in about five minutes
	$(BIN)/crossrank bench --quick

lock: $(VENV)/.dev  ## Pin what is installed now as the versions that everybody gets; the images' ones by their digests
	{ echo "# Constraints for every installation: pip install -c requirements.lock. Made by: make lock"; \
	  $(PIP) freeze --all --exclude-editable | grep -vE '^(#|pip==)' | sed 's/+cpu$$//'; } > requirements.lock
	$(PIP) wheel --no-deps --no-build-isolation -w build/wheels $(OURS:-e=)
	$(COMPILE) --extra build -o - pyproject.toml | $(WITHOUT_OURS) > deploy/docker/gateway.lock
	$(COMPILE) -o - deploy/docker/triton_cpu.txt > deploy/docker/triton_cpu.lock

sbom: $(VENV)/.dev  ## List what the images install as CycloneDX documents, in build/sbom
	mkdir -p build/sbom
	for image in gateway triton_cpu; do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --mc-type application \
			-o build/sbom/$$image.cdx.json deploy/docker/$$image.lock || exit 1; done

clean:  ## Stop the stack and remove everything that was made here, data included
	@if [ -x $(BIN)/crossrank ]; then $(BIN)/crossrank down; fi
	rm -rf $(VENV) .crossrank build dist *.egg-info */python/build */python/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "error: $(PYTHON) is not a Python 3.11; try: apt-get install python3.11, or make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "error: $(PYTHON) cannot make virtual environments; try: apt-get install python3.11-venv" >&2; exit 1; }

$(VENV)/.local: $(REQUIREMENTS) | $(VENV)/bin/python
	$(PIP) install -c requirements.lock $(OURS) -e ".[local]"
	@touch $@

$(VENV)/.load: $(REQUIREMENTS) | $(VENV)/bin/python
	$(PIP) install -c requirements.lock $(OURS) -e ".[local,load]"
	@touch $@ $(VENV)/.local

$(VENV)/.dev: $(REQUIREMENTS) | $(VENV)/bin/python
	$(PIP) install -c requirements.lock $(OURS) -e ".[local,train,dev]"
	@touch $@ $(VENV)/.local $(VENV)/.load
