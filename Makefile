# Every target that needs the environment makes it first; `make help` lists them all.

PYTHON ?= python3
VENV ?= .venv
OUT ?= outputs
BIN = $(VENV)/bin
READY = $(VENV)/.ready
RUN = $(BIN)/python -m pipeline

.DEFAULT_GOAL := help
.PHONY: help demo check-data extract train evaluate calibrate score watch events report clip ablate compare docs check test test-fast test-long faults fuzz bench clean

# Turns NAME=value into --option value, and nothing into nothing.
option = $(if $($(1)),--$(2) "$($(1))")

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Options of a command: $(RUN) extract --help; pass them as ARGS='--batch 128'"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: Python 3.10 or later is needed; give one with PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY) ## The whole way once, offline, on generated videos
	@$(RUN) demo --out "$(OUT)" $(ARGS)

check-data: $(READY) ## DATASET=ucf ROOT=folder: what is there of a data set, and what is wrong
	@$(RUN) check-data $(if $(ROOT),"$(ROOT)") $(call option,DATASET,dataset) $(call option,LISTS,lists) \
		--out "$(OUT)" $(call option,RECIPE,recipe) $(ARGS)

extract: $(READY) ## DATASET=ucf ROOT=folder: videos to HDF5 shards of CLIP features
	@$(RUN) extract $(call option,DATASET,dataset) $(call option,ROOT,root) --out "$(OUT)" \
		$(call option,LISTS,lists) $(call option,NAME,name) $(call option,WEIGHTS,weights) \
		$(call option,RECIPE,recipe) $(ARGS)

train: $(READY) ## [DATASET=ucf]: shards to a checkpoint and test scores
	@$(RUN) train $(call option,DATASET,dataset) --out "$(OUT)" $(call option,WEIGHTS,weights) $(ARGS)

evaluate: $(READY) ## [CHECKPOINT=folder]: AUC, AP and mAP against the data set's truth
	@$(RUN) evaluate $(call option,CHECKPOINT,checkpoint) $(call option,DATASET,dataset) \
		--out "$(OUT)" $(ARGS)

calibrate: $(READY) ## [CHECKPOINT=folder] [NORMAL=scores]: threshold, from a test split or quiet footage
	@$(RUN) calibrate $(call option,CHECKPOINT,checkpoint) $(call option,DATASET,dataset) \
		$(call option,NORMAL,normal) --out "$(OUT)" $(ARGS)

# Scores go to SCORES, or below an OUT that was given.
SCORED = $(if $(SCORES),--out "$(SCORES)",$(if $(filter-out outputs,$(OUT)),--out "$(OUT)/scores/$$(basename "$(VIDEOS)")"))

score: $(READY) ## VIDEOS=folder CHECKPOINT=folder: new videos to Parquet scores and a report
	@$(RUN) score $(call option,VIDEOS,videos) $(call option,CHECKPOINT,checkpoint) \
		$(SCORED) $(call option,WEIGHTS,weights) $(ARGS)

watch: $(READY) ## VIDEOS=folder CHECKPOINT=folder: score new videos as they are finished
	@$(RUN) watch $(if $(VIDEOS),"$(VIDEOS)") $(call option,CHECKPOINT,checkpoint) \
		$(SCORED) $(call option,WEIGHTS,weights) $(ARGS)

events: $(READY) ## SCORES=folder ARGS='--threshold 0.6': another rule for stored scores, no video read
	@$(RUN) events $(if $(SCORES),"$(SCORES)") $(call option,CHECKPOINT,checkpoint) $(ARGS)

report: $(READY) ## [SCORES=folder]: pages with player, curve and events of every scored video
	@$(RUN) report $(call option,SCORES,scores) --out "$(OUT)" $(ARGS)

clip: $(READY) ## SCORES=folder ARGS='--peak 0.8': found events as MP4s, in a folder with a page
	@$(RUN) clip $(if $(SCORES),"$(SCORES)") $(ARGS)

ablate: $(READY) ## [DATASET=ucf]: the table of components, with and without each, several seeds
	@$(RUN) ablate $(call option,DATASET,dataset) --out "$(OUT)" $(call option,WEIGHTS,weights) $(ARGS)

compare: $(READY) ## [DATASET=ucf]: DSANet and VadCLIP on the same features, several seeds, with intervals
	@$(RUN) compare $(call option,DATASET,dataset) --out "$(OUT)" $(call option,WEIGHTS,weights) $(ARGS)

docs: $(READY) ## The guide and the reference, as pages to open from disk: build/docs/index.html
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: $(READY) ## Lint, formatting, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy benchmarks
	@$(BIN)/lint-imports

test: $(READY) ## All tests but the long ones, on a real Ray: about 10 minutes on 2 cores
	@$(BIN)/python -m pytest -m "not long" --numprocesses 2 --dist loadfile $(ARGS)

test-fast: $(READY) ## The tests that need neither Ray nor minutes: under a minute on 2 cores
	@$(BIN)/python -m pytest -m "not ray and not slow and not long" $(ARGS)

test-long: $(READY) ## The tests that take minutes: real CLIP sizes, real features, every hidden protocol
	@$(BIN)/python -m pytest -m long $(ARGS)

faults: $(READY) ## Kill, fill and double real runs and compare what a rerun makes of them
	@$(BIN)/python tests/faults/run.py $(ARGS)

fuzz: $(READY) ## Ten minutes of damaged files for every reader of foreign ones
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python tests/fuzz/run.py $(ARGS)

bench: $(READY) ## The benchmarks, a quarter of an hour on 2 cores, then one table of figures and aims
	@$(BIN)/python benchmarks/run.py --out "$(OUT)/benchmarks.jsonl" $(ARGS)

clean: ## Remove the environment and caches; outputs stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
