"""The package's public names."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cyclegan_tf


@pytest.mark.parametrize("name", cyclegan_tf.__all__)
def test_every_public_name_is_there_and_explained(name):
    value = getattr(cyclegan_tf, name)
    if not name.startswith("__"):
        assert value.__doc__ and value.__name__ == name
        assert value.__module__.startswith("cyclegan_tf.")
        # What is public is the thing itself, not a second one of the same name.
        assert getattr(importlib.import_module(value.__module__), name) is value


def test_the_names_are_listed_once():
    assert len(set(cyclegan_tf.__all__)) == len(cyclegan_tf.__all__)
    assert dir(cyclegan_tf) == sorted(cyclegan_tf.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'CycleGun'"):
        _ = cyclegan_tf.CycleGun


def test_the_version_is_one_that_setup_reads():
    assert re.fullmatch(r"\d+\.\d+\.\d+", cyclegan_tf.__version__)
    text = Path(cyclegan_tf.__file__).read_text()
    assert re.search(r'__version__ = "(.+)"', text)[1] == cyclegan_tf.__version__


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, cyclegan_tf, cyclegan_tf.cli; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "first", ["compat", "neural_style.transfer", "data.pipeline", "models.cyclegan"]
)
def test_tensorflow_is_told_of_onednn_whichever_module_imports_it_first(first):
    code = (
        f"import os, cyclegan_tf.{first}, sys\n"
        "sys.exit('tensorflow' not in sys.modules or os.environ['TF_ENABLE_ONEDNN_OPTS'] != '1')"
    )
    environment = {n: v for n, v in os.environ.items() if n != "TF_ENABLE_ONEDNN_OPTS"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert found.returncode == 0
