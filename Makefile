# `make demo` and `make test` need nothing but Python 3.11, libGL, GLib and the package registries.
# TORCH_INDEX: where torch comes from instead, such as https://download.pytorch.org/whl/cpu for a machine without a GPU.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Some containers forbid bytecode: then each of the thousand processes that tests start compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test suite long lane2 torture check lint types contracts screens docs picture bench peers dist clean

help:            ## Show this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(READY)  ## Create .venv and install everything, once

# torch stands on a line of its own, first: any other order may fetch gigabytes of a build for a GPU that is not there.
$(READY): constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0 $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torchvision==0.28.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[offline,openvino,onnx,web,tui,cluster,codec,bench,docs,dev]'
	touch $(READY)

demo: $(READY)   ## Remove the people from a real street scene; see out/
	@$(BIN)/python -m pipeline.cli.tour out

check: lint types contracts  ## Lint, types and the import contract

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

# Tests mostly wait for processes that start: some more at a time than there are cores.
JOBS ?= 3
test: lint contracts  ## Everything above, and the tests, JOBS files at a time
	@$(MAKE) --no-print-directory --jobs=2 types suite

# What fails beside others is tried once more with nothing beside it, and told (RERUN); see docs/decisions/0012.
suite: $(READY)
	$(BIN)/pytest -n $(JOBS) --max-worker-restart=0 --reruns 1 --max-suite-reruns 20 -rR

long: $(READY)   ## Tests that take half a minute each, and every example of those that make up their own
	THOROUGH=1 $(BIN)/pytest -m "(long or hypothesis) and not torture"

# A newer numpy, OpenCV and Pillow than the pins, as on Python 3.12: what touches pixels must work with these as well.
LANE2       := .lane2
LANE2_TESTS ?= tests/test_lane2.py tests/test_masks.py tests/test_holes.py tests/test_letterbox.py tests/test_yolo*.py \
  tests/test_ultralytics_seg.py tests/test_engines.py tests/test_inpainters.py tests/test_lama_*.py tests/test_plate*.py \
  tests/test_track*.py tests/test_matting*.py tests/test_privacy_effects.py tests/test_privacy_cover.py \
  tests/test_image_*.py tests/test_encodings.py tests/test_window_parts.py tests/e2e/test_main_job.py
lane2: $(LANE2)/.ready  ## A second environment with newer libraries (1.6 GB), and the tests of what touches pixels
	$(LANE2)/bin/python -m pytest -n $(JOBS) -q $(LANE2_TESTS)

$(LANE2)/.ready: constraints.txt pyproject.toml tests/lane2.py
	test -x $(LANE2)/bin/python || $(PYTHON) -m venv $(LANE2)
	$(PYTHON) -m tests.lane2 $(LANE2)
	$(LANE2)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(LANE2)/bin/pip install --quiet --disable-pip-version-check -c $(LANE2)/constraints.txt -r $(LANE2)/requirements.txt
	$(LANE2)/bin/pip install --quiet --disable-pip-version-check --no-deps simple-lama-inpainting==0.1.2
	$(LANE2)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Every bytecode and every system call is some thousand kills: half an hour on two cores, beside the storm.
MINUTES ?= 10
SEED    ?=
torture: $(READY)  ## The proof kit in full, and MINUTES of storm; SEED=N repeats one
	MINUTES=$(MINUTES) SEED=$(SEED) $(BIN)/pytest -m torture -v -s

screens: $(READY)  ## Pictures of the page for docs/page, made anew
	SCREENS=docs/page $(BIN)/pytest -m long tests/web/test_screens.py

docs: $(READY)   ## Write the pages that are made from the code, and build the site strictly: build/site
	$(BIN)/python -m manual
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

picture: $(READY)  ## The pictures of the uses in docs/, made anew from the samples
	$(BIN)/python -m manual.pictures

bench: $(READY)  ## Measure speed and quality here; results and the pages in docs/ are made anew
	$(BIN)/cleanplate bench remove-people --workers segmentation=1..3 --json benchmarks/results/remove-people.json
	$(BIN)/cleanplate bench benchmarks/known-stage.yaml --input lavfi:testsrc2=size=320x240:rate=30 --workers net=1..4 \
	  --json benchmarks/results/known-stage.json
	$(BIN)/cleanplate bench transport --frames 400 --json benchmarks/results/transport.json
	$(BIN)/cleanplate bench memory --json benchmarks/results/memory.json
	$(BIN)/python -m tests.faults.recovery
	$(BIN)/python -m benchmarks.lama
	$(BIN)/python -m benchmarks.raw_tcp
	$(BIN)/python -m benchmarks.overload
	$(BIN)/python -m benchmarks.removal
	$(BIN)/python -m benchmarks.glass
	$(if $(DATA),$(BIN)/python -m benchmarks.privacy --data $(DATA))
	$(if $(DATA),$(BIN)/python -m benchmarks.strength $(DATA))
	$(BIN)/python -m benchmarks.quality $(if $(CLIPS),--clips $(CLIPS))
	$(if $(MATERIAL),$(BIN)/python -m benchmarks.infill --material $(MATERIAL) $(if $(CLIPS),--clips $(CLIPS)))
	$(BIN)/python -m benchmarks.tables

peers: $(READY)  ## Measure others beside us on the same clips (DATA=FOLDER: on the test data too); makes docs/peers.md anew
	$(BIN)/python -m benchmarks.peers $(if $(DATA),--data $(DATA)) $(if $(ROUNDS),--rounds $(ROUNDS))

dist: $(READY)   ## The wheel and the archive of sources, in dist/
	rm -rf build dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/pip check

clean:           ## Remove what was made here, but for the downloads in the cache
	rm -rf $(VENV) $(LANE2) out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
