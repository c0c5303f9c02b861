PYTHON ?= python3
INSTALL := -m pip --disable-pip-version-check --require-virtualenv -q install
PINNED := $(INSTALL) --require-hashes
# the package itself: requirements/build.txt holds what builds it
EDITABLE := $(INSTALL) --no-deps --no-build-isolation -e .

# DEVICE, then the environment, then .env, as the service has it; the service reads the last two itself
DOTENV := $(lastword $(shell sed -nE 's/^(export )? *RRCANET_DEVICE *= *["'\'']?([a-z]+).*/\2/p' .env 2>/dev/null))
WANTED := $(or $(DEVICE),$(RRCANET_DEVICE),$(DOTENV),auto)

# the GPU build of ONNX Runtime where an NVIDIA driver is present, unless told otherwise
DRIVER := $(wildcard /proc/driver/nvidia/version)
RUNTIME_auto := $(if $(DRIVER),gpu,cpu)
RUNTIME_cuda := gpu
RUNTIME_cpu := cpu
RUNTIME := $(RUNTIME_$(WANTED))
ifeq ($(RUNTIME),)
$(error device $(WANTED): must be auto, cuda or cpu)
endif

.PHONY: serve test test-fiftyone check docs format fuzz bench lock sbom audit clean
.DEFAULT_GOAL := serve

serve: .venv/installed-$(RUNTIME)
	$(if $(DEVICE),RRCANET_DEVICE=$(DEVICE) )exec .venv/bin/rrcanet serve

# two workers; each gets a part of the suite that lies together, so that it starts few servers and exports few models.
# Coverage is measured in CI only, because it takes time
COVERAGE := $(if $(CI),--cov --cov-report=term-missing:skip-covered)

test: .venv-dev/installed
	.venv-dev/bin/python -m pytest -n 2 --dist worksteal $(COVERAGE) --durations=10

# what needs an environment of its own; make test leaves it out
test-fiftyone: .venv-dev/installed .venv-fiftyone/installed
	.venv-dev/bin/python -m pytest -m fiftyone tests/rrcanet/test_fiftyone.py

check: .venv-dev/installed
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/ruff check .
	.venv-dev/bin/mypy
	.venv-dev/bin/lint-imports

# the documents as a site with search, in build/site; the notice of mkdocs-material about its successor is no warning
docs: .venv-dev/installed
	NO_MKDOCS_2_WARNING=1 .venv-dev/bin/mkdocs build --strict

format: .venv-dev/installed
	.venv-dev/bin/ruff check --fix .
	.venv-dev/bin/ruff format .

fuzz: .venv-dev/installed
	.venv-dev/bin/python -m tests.attacks.containers
	.venv-dev/bin/python -m tests.attacks.fuzz

# this service beside other servers, on a quiet machine; BENCH=--resume goes on after an interruption
bench: .venv-dev/installed .venv/installed-$(RUNTIME)
	.venv-dev/bin/python -m benchmarks.peers --json benchmarks/results/peers.json --page docs/development/peers.md $(BENCH)

# after a change of a range in pyproject.toml; UPGRADE=1 takes the newest releases that the ranges allow
lock: .venv-lock/installed
	.venv-lock/bin/python requirements/lock.py --uv .venv-lock/bin/uv $(if $(UPGRADE),--upgrade)

# what each install consists of, as CycloneDX, in build/sbom
INSTALLS := cpu gpu otel
sbom: .venv-supply/installed
	mkdir -p build/sbom
	$(foreach name,$(INSTALLS),.venv-supply/bin/cyclonedx-py requirements --pyproject pyproject.toml \
		--output-reproducible --of JSON -o build/sbom/$(name).json requirements/$(name).txt &&) true

# ADVISORIES=FILE checks offline, against a copy of the advisories of PyPI as OSV exports them
audit: .venv-supply/installed
	.venv-supply/bin/python requirements/audit.py $(if $(ADVISORIES),--advisories $(ADVISORIES)) \
		$(INSTALLS:%=requirements/%.txt)

clean:
	rm -rf .venv .venv-bench .venv-dev .venv-fiftyone .venv-gpu .venv-lock .venv-supply build *.egg-info

# both builds are the same Python package, so a change of build starts from an empty environment
.venv/installed-$(RUNTIME): pyproject.toml requirements/build.txt requirements/$(RUNTIME).txt
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PINNED) -r requirements/build.txt -r requirements/$(RUNTIME).txt
	.venv/bin/python $(EDITABLE)
	touch $@

# torch for the CPU where pip can find it, or else as the index has it, with the libraries of CUDA
.venv-dev/installed: pyproject.toml requirements/dev.txt requirements/torch-cpu.txt requirements/torch-cuda.txt
	test -d .venv-dev || $(PYTHON) -m venv .venv-dev
	.venv-dev/bin/python $(PINNED) --no-deps -r requirements/dev.txt
	.venv-dev/bin/python $(PINNED) --no-deps -r requirements/torch-cpu.txt 2>/dev/null \
	|| .venv-dev/bin/python $(PINNED) --no-deps -r requirements/torch-cuda.txt
	.venv-dev/bin/python $(EDITABLE)
	.venv-dev/bin/python -m pip check
	touch $@

# the same as .venv-dev, for a machine with an NVIDIA GPU
.venv-gpu/installed: pyproject.toml requirements/dev-gpu.txt
	rm -rf .venv-gpu
	$(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python $(PINNED) -r requirements/dev-gpu.txt
	.venv-gpu/bin/python $(EDITABLE)
	touch $@

.venv-fiftyone/installed: requirements/fiftyone.txt
	test -d .venv-fiftyone || $(PYTHON) -m venv .venv-fiftyone
	.venv-fiftyone/bin/python $(PINNED) -r requirements/fiftyone.txt
	touch $@

.venv-supply/installed: requirements/supply.txt
	test -d .venv-supply || $(PYTHON) -m venv .venv-supply
	.venv-supply/bin/python $(PINNED) -r requirements/supply.txt
	touch $@

.venv-lock/installed: requirements/lock.txt
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python $(PINNED) -r requirements/lock.txt
	touch $@
