# `make demo`, `make serve` and `make test` set everything up by themselves (see README.md); `make docs` builds the site in build/docs.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := src tests studio benchmarks website
NETWORKS := tests/unit/observers tests/unit/intervention tests/unit/probes/test_baselines.py \
	tests/unit/studio/test_measures.py tests/pipeline/diffusion/test_equality.py

.PHONY: setup demo serve test test-kernels test-slow test-gpu bench figures check docs format
setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps carvekit
	touch $@

demo: setup
	$(BIN)/underpainting demo

serve: setup
	$(BIN)/underpainting serve

# Two processes of one thread each: most tests compute too little for two threads to share.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Tests that compute with networks, by the kernels of older processors: no last digit may decide them.
test-kernels: setup
	DNNL_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile $(NETWORKS)
	DNNL_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 OMP_NUM_THREADS=2 $(BIN)/python -m pytest -q $(NETWORKS)

test-slow: setup
	$(BIN)/python -m pytest -m slow

# Under four minutes; where there is no CUDA, every test is skipped.
test-gpu: setup
	$(BIN)/python -m pytest -m gpu tests/gpu

bench: setup
	$(BIN)/python -m benchmarks

# Hours, which `python -m studio.figures --list` tells; what was stopped goes on.
figures: setup
	$(BIN)/python -m studio.figures

check: setup
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test-kernels
	$(MAKE) test

format: setup
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
