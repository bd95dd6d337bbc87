# make install   the environment alone
# make demo   everything from a fresh machine to trained fusion heads and a report
# make pose   what pose estimation needs: mmpose and rtmlib, and a check that both work
# make movement   what reads tracks of SLEAP and DeepLabCut
# make foreign   what others read and check our files with: datasets, DuckDB, mlcroissant, DataCite's schema, …
# make fabric Lightning Fabric, through which several GPUs train one backbone
# make look   the viewer that `python cli.py look` opens
# make test   everything from a fresh machine to a green test suite
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
PIP_ARGS ?=
RTMLIB := rtmlib==0.0.16
CFFCONVERT := cffconvert==2.0.0
BIN := $(CURDIR)/$(VENV)/bin
RUN := PATH="$(BIN):$$PATH" HARCACHE_WORKERS=$(WORKERS)
INSTALLED := $(VENV)/.installed

.PHONY: install demo utd pose movement foreign fabric look test lint lock clean

install: $(INSTALLED)

demo: $(INSTALLED)
	$(RUN) python cli.py demo data/raw/demo
	$(RUN) dvc repro
	@$(RUN) python cli.py summary demo

utd: $(INSTALLED)
	@test -d data/raw/utd_mhad || { echo "put UTD-MHAD's Skeleton and Depth folders (or links to them) under data/raw/utd_mhad first: see README"; exit 2; }
	$(RUN) dvc exp run --set-param dataset=utd_mhad --set-param preset=utd_mhad
	@$(RUN) python cli.py summary utd_mhad

pose: $(INSTALLED)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[pose]'
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps $(RTMLIB) mmpose==1.3.2
	$(RUN) python cli.py pose check

movement: $(INSTALLED)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[movement]'
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps movement==0.15.0

foreign: $(INSTALLED)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[foreign]'
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps $(CFFCONVERT)
	@$(BIN)/python -m pip freeze | grep -iE '^(cffconvert|datacite|datasets|duckdb|h5py|huggingface.hub|mlcroissant|pandas|safetensors|xarray|zarr|zarr-cm)=='

fabric: $(INSTALLED)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[fabric]'

look: $(INSTALLED)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[look]'

test: $(INSTALLED)
	$(RUN) python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(RUN) ruff check . && $(RUN) ruff format --check . && $(RUN) mypy

lock: $(INSTALLED)
	$(RUN) python cli.py recipes bless

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "harcache needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[test]'
	-$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps $(RTMLIB)  # its tests are skipped without it
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) data/demo weights/demo reports/demo
