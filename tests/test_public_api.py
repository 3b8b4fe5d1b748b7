"""The package's public names."""

import importlib
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
