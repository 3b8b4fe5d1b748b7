"""Sphinx configuration for `make docs`: these pages, and a reference generated from the code."""

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cyclegan_tf  # noqa: E402

project = "cyclegan_tf"
release = cyclegan_tf.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]

html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False

# Links to headings work as on GitHub. The build fails if the heading does not exist.
myst_heading_anchors = 4
smartquotes = False

# Docstrings use single backticks for code, and types are in signatures only.
default_role = "literal"
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "special-members": "__call__, __getitem__",
}
autoclass_content = "both"
# Docstrings that Keras and Python have for overridden methods address other readers.
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [(name, "Returns") for name in ("Input", "Inputs", "Output", "Outputs")]
napoleon_custom_sections += [("Reference", "References")]
# An optional package that is not needed to build the docs.
autodoc_mock_imports = ["gradio"]

# An unknown name is an error, unless it belongs to another package: the build uses no network.
nitpicky = True
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(tf|tensorflow|tensorflow_datasets|tfds|keras|np|numpy|PIL|matplotlib|gradio|collections|"
        r"concurrent|dataclasses|os|pathlib|types|typing)\..*",
    ),
    # Type variables, names imported for annotations only, and a type of TFDS that is not parsed.
    ("py:class", r"cyclegan_tf\..*\._\w+|Figure|utils\.VersionOrStr|dict\[str"),
]


def setup(app: Any) -> None:
    """Use the README as the front page, and adapt the links between it and the other pages."""

    def on_site(_: Any, page: str, source: list[str]) -> None:
        source[0] = source[0].replace("](../README.md", "](index.md")
        if page == "index":
            readme = (HERE.parent / "README.md").read_text()
            here = readme.replace("](docs/", "](").replace("](notebooks/", "](../notebooks/")
            source[0] = source[0].replace("<!-- README -->", here)

    app.connect("source-read", on_site)
