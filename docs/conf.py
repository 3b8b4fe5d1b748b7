"""How `make docs` makes a site of these pages, with a reference that is written from the code."""

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

# Headings are linked to as on GitHub; where there is none of that name, the build fails.
myst_heading_anchors = 4
smartquotes = False

# Docstrings have single backticks for code, and their types in the signature alone.
default_role = "literal"
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "special-members": "__call__, __getitem__",
}
autoclass_content = "both"
# What Keras and Python say of a method that is overridden here is for their own readers.
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [(name, "Returns") for name in ("Input", "Inputs", "Output", "Outputs")]
napoleon_custom_sections += [("Reference", "References")]
# Of an extra that need not be there to read about it.
autodoc_mock_imports = ["gradio"]

# A name that is not found is a mistake, unless it is another package's: no network is asked.
nitpicky = True
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(tf|tensorflow|tensorflow_datasets|tfds|keras|np|numpy|PIL|matplotlib|gradio|collections|"
        r"concurrent|dataclasses|os|pathlib|types|typing)\..*",
    ),
    # Type variables, what is imported for annotations alone, and TFDS' that cannot be taken apart.
    ("py:class", r"cyclegan_tf\..*\._\w+|Figure|utils\.VersionOrStr|dict\[str"),
]


def setup(app: Any) -> None:
    """Makes the README the front page; what links to one is led to the other's place."""

    def on_site(_: Any, page: str, source: list[str]) -> None:
        source[0] = source[0].replace("](../README.md", "](index.md")
        if page == "index":
            readme = (HERE.parent / "README.md").read_text()
            here = readme.replace("](docs/", "](").replace("](notebooks/", "](../notebooks/")
            source[0] = source[0].replace("<!-- README -->", here)

    app.connect("source-read", on_site)
