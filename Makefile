# The commands that developers and CI run. They need only Python 3.10-3.13 and make.
PYTHON ?= python3
# The addons stack supports Python 3.10 and 3.11 only.
ADDONS_PYTHON ?= $(firstword $(foreach p,python3.11 python3.10 python3,$(shell \
	$(p) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' 2>/dev/null && echo $(p))))
PIP := python -m pip install --quiet --disable-pip-version-check
WORKDIR ?= runs/quickstart

# Colab's Python and packages. colab-test needs a Python 3.13 that can create environments.
COLAB_PYTHON ?= $(firstword $(foreach p,python3.13 python3,$(shell \
	$(p) -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo $(p))))
COLAB_PACKAGES := tensorflow==2.20.0 keras==3.13.2
NOTEBOOKS ?= $(patsubst notebooks/%.ipynb,%,$(wildcard notebooks/*.ipynb))

.PHONY: quickstart test test-serving test-faults test-notebooks render-notebooks address lint \
	addons-test colab-test docs dist clean

quickstart: .venv/demo
	.venv/bin/cyclegan-tf quickstart --workdir=$(WORKDIR)

test: .venv/dev
	.venv/bin/python -m pytest -n 2

# Not in `make test`: many clients for a minute, and thousands of requests.
test-serving: .venv/dev
	.venv/bin/python -m pytest -m slow -s tests/integration/test_serving_double.py

# Not in `make test`: killed runs, full disks, 5,000 steps. Prints its observations.
test-faults: .venv/dev
	.venv/bin/python -m pytest -n 2 --dist=worksteal -m fault -rP

# Executes every notebook with tiny values, in seconds.
test-notebooks: .venv/dev
	.venv/bin/python -m pytest -n 2 -m notebook --durations=0 tests/notebooks

# Metadata that differs between executions of a notebook and is not stored.
NOT_STORED := metadata.papermill metadata.language_info cell.metadata.papermill \
	cell.metadata.execution

# Executes notebooks with their own values and stores their outputs. PARAMETERS, such as
# `-p steps 100`, are passed to papermill.
render-notebooks: .venv/dev
	set -e; cd notebooks; for name in $(NOTEBOOKS); do \
		../.venv/bin/papermill $(PARAMETERS) $$name.ipynb $$name.ipynb; \
		../.venv/bin/jupyter nbconvert --log-level=WARN --to=notebook --inplace --coalesce-streams \
			$$name.ipynb; \
		../.venv/bin/nbstripout --keep-output --keep-count --keep-id --extra-keys="$(NOT_STORED)" \
			$$name.ipynb; \
	done

# Sets the address of the repository that notebooks are opened and installed from.
ADDRESS := (colab\.research\.google\.com/github/|git\+https://github\.com/)[^/]+/[A-Za-z0-9._-]+
address:
	@test -n "$(REPOSITORY)" || { echo "error: set REPOSITORY=owner/name"; exit 1; }
	sed -i -E 's#$(ADDRESS)#\1$(REPOSITORY)#g' notebooks/*.ipynb README.md

lint: .venv/dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

# Builds the site in build/docs. Broken links and other warnings are errors. Sphinx warns about a
# page only when it reads it, so all pages are rebuilt.
docs: .venv/docs
	rm -rf build/docs
	.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

# Builds the sdist and, from it, the wheel. Then trains with the wheel in a fresh environment and an
# empty folder, both outside the clone.
dist: .venv/release
	rm -rf dist
	.venv/bin/python -m build --outdir=dist
	.venv/bin/python -m twine check --strict dist/*
	set -e; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; mkdir "$$place/empty"; \
		$(PYTHON) -m venv "$$place/venv"; \
		"$$place"/venv/bin/$(PIP) --upgrade pip; \
		"$$place"/venv/bin/$(PIP) "$$(ls $(CURDIR)/dist/*.whl)[demo-data]"; \
		cd "$$place/empty"; \
		"$$place/venv/bin/cyclegan-tf" quickstart --max_steps=50; \
		test -s runs/quickstart/report.html

# Exchanges runs between the two stacks, so it needs both. Tests only the commands whose results
# depend on the stack.
addons-test: .venv/dev
ifeq ($(ADDONS_PYTHON),)
	@echo "SKIPPED addons-test: it needs Python 3.10 or 3.11"
else
	$(MAKE) .venv-addons/dev
	CYCLEGAN_TF_OTHER_PYTHON=$(CURDIR)/.venv/bin/python .venv-addons/bin/python -m pytest -n 2 \
		tests/models tests/neural_style tests/runs tests/training \
		$(addprefix tests/integration/test_, stacks.py commands.py export.py stylize.py)
endif

# Tests the notebooks and the package with Colab's versions, which installing the package must not
# change.
colab-test:
ifeq ($(COLAB_PYTHON),)
	@echo "SKIPPED colab-test: it needs Python 3.13 (set COLAB_PYTHON)"
else
	$(MAKE) .venv-colab/dev
	.venv-colab/bin/python -m pytest -m notebook tests/notebooks
	.venv-colab/bin/python -m pytest -n 2
endif

clean:
	rm -rf .venv .venv-addons .venv-colab build dist *.egg-info

# An environment is created once and updated when setup.py changes. The pip of Python 3.10 takes
# more than ten minutes to resolve the versions, a newer one seconds.
.venv/demo: setup.py
	$(PYTHON) -m venv .venv
	.venv/bin/$(PIP) --upgrade pip
	.venv/bin/$(PIP) -e '.[demo-data]'
	touch $@

.venv/dev: setup.py
	$(PYTHON) -m venv .venv
	.venv/bin/$(PIP) --upgrade pip
	.venv/bin/$(PIP) -e '.[demo-data,dev]'
	touch .venv/demo $@

.venv/docs: .venv/dev
	.venv/bin/$(PIP) -e '.[docs]'
	touch $@

.venv/release: .venv/dev
	.venv/bin/$(PIP) -e '.[release]'
	touch $@

.venv-addons/dev: setup.py
	$(ADDONS_PYTHON) -m venv .venv-addons
	.venv-addons/bin/$(PIP) --upgrade pip
	.venv-addons/bin/$(PIP) -e '.[addons,demo-data,dev]'
	touch $@

.venv-colab/dev: setup.py
	$(COLAB_PYTHON) -m venv .venv-colab
	.venv-colab/bin/$(PIP) --upgrade pip
	.venv-colab/bin/$(PIP) $(COLAB_PACKAGES)
	.venv-colab/bin/python -m pip freeze > .venv-colab/versions.txt
	.venv-colab/bin/$(PIP) --constraint=.venv-colab/versions.txt -e '.[demo-data,prepare]'
	.venv-colab/bin/$(PIP) --constraint=.venv-colab/versions.txt -e '.[demo-data,dev]'
	touch $@
