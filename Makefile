# The commands that people and CI run. Only Python 3.10-3.13 and make have to be there.
PYTHON ?= python3
# The addons stack exists for Python 3.10 and 3.11 only.
ADDONS_PYTHON ?= $(firstword $(foreach p,python3.11 python3.10 python3,$(shell \
	$(p) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' 2>/dev/null && echo $(p))))
PIP := python -m pip install --quiet --disable-pip-version-check
WORKDIR ?= runs/quickstart

.PHONY: quickstart test test-serving test-faults lint addons-test docs clean

quickstart: .venv/demo
	.venv/bin/python -m cyclegan_tf.train --flagfile=configs/quickstart.flags --workdir=$(WORKDIR)

test: .venv/dev
	.venv/bin/python -m pytest -n 2

# What `make test` leaves out: a minute of many clients, and thousands of requests.
test-serving: .venv/dev
	.venv/bin/python -m pytest -m slow -s tests/integration/test_serving_double.py

# Likewise: runs that are killed, disks that fill up, 5,000 steps; it prints what it has seen.
test-faults: .venv/dev
	.venv/bin/python -m pytest -n 2 --dist=worksteal -m fault -rP

lint: .venv/dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

# A site in build/docs. A link that leads nowhere, and whatever else Sphinx warns of, is an error;
# it warns of a page only when it reads it, so all are made anew.
docs: .venv/docs
	rm -rf build/docs
	.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

# Exchanges runs between the two stacks, so it needs both. Of the commands, those are tested whose
# results depend on the stack.
addons-test: .venv/dev
ifeq ($(ADDONS_PYTHON),)
	@echo "SKIPPED addons-test: it needs Python 3.10 or 3.11, and there is none"
else
	$(MAKE) .venv-addons/dev
	CYCLEGAN_TF_OTHER_PYTHON=$(CURDIR)/.venv/bin/python .venv-addons/bin/python -m pytest -n 2 \
		tests/models tests/neural_style tests/training \
		$(addprefix tests/integration/test_, stacks.py commands.py export.py stylize.py)
endif

clean:
	rm -rf .venv .venv-addons build *.egg-info

# An environment is made once, and brought up to date when setup.py changes. The pip that comes
# with Python 3.10 takes longer than ten minutes to find versions that fit; a newer one seconds.
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

.venv-addons/dev: setup.py
	$(ADDONS_PYTHON) -m venv .venv-addons
	.venv-addons/bin/$(PIP) --upgrade pip
	.venv-addons/bin/$(PIP) -e '.[addons,demo-data,dev]'
	touch $@
