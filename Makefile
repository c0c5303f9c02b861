PYTHON ?= python3
PIP := -m pip --disable-pip-version-check --require-virtualenv -q install

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

.PHONY: serve test check format fuzz clean
.DEFAULT_GOAL := serve

serve: .venv/installed-$(RUNTIME)
	$(if $(DEVICE),RRCANET_DEVICE=$(DEVICE) )exec .venv/bin/rrcanet serve

test: .venv-dev/installed
	.venv-dev/bin/python -m pytest --cov --cov-report=term-missing:skip-covered --durations=10

check: .venv-dev/installed
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/ruff check .
	.venv-dev/bin/mypy
	.venv-dev/bin/lint-imports

format: .venv-dev/installed
	.venv-dev/bin/ruff check --fix .
	.venv-dev/bin/ruff format .

fuzz: .venv-dev/installed
	.venv-dev/bin/python -m tests.attacks.fuzz

clean:
	rm -rf .venv .venv-dev build *.egg-info

# both builds are the same Python package, so a change of build starts from an empty environment
.venv/installed-$(RUNTIME): pyproject.toml requirements/serve.txt
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) -c requirements/serve.txt -e '.[$(RUNTIME)]'
	touch $@

.venv-dev/installed: pyproject.toml requirements/dev.txt
	test -d .venv-dev || $(PYTHON) -m venv .venv-dev
	.venv-dev/bin/python $(PIP) -c requirements/dev.txt -e '.[cpu,train,test]'
	touch $@
