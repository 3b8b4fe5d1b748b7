"""Imports go downward only: the layers of docs/architecture.md, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "cyclegan_tf"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / PACKAGE).rglob("*.py"))
}
TOP = {"training.workdir", "training.conversion", "training.experiment", "training.description"}
TOP |= {"training.assembly", "training.comparison", "training.demonstration", "training.run_report"}
TOP |= {"training.live", "training.restoring"}
ROWS = {"": 0, "images": 0, "compat": 0, "config": 0, "errors": 0, "cli": 5}
ROWS |= {
    "sheets": 0,
    "options": 0,
    "run_options": 0,
    "style_options": 0,
    "translation_options": 0,
    "preparation_options": 0,
}
ROWS |= {"files": 0, "image_headers": 0, "progress": 0, "threads": 0}
ROWS |= dict.fromkeys(("models", "data", "neural_style"), 1)
ROWS |= {"translation": 2, "preparation": 2}
ROWS |= dict.fromkeys(("training", "serving", "evaluation", "interchange"), 3)


def is_command(module):
    return module.count(".") == 1 and any(
        isinstance(node, ast.FunctionDef) and node.name == "main"
        for node in ast.parse(MODULES[module].read_text()).body
    )


COMMANDS = {module for module in MODULES if is_command(module)}


def row(module):
    if module in COMMANDS:
        return 5
    inner = module.removeprefix(PACKAGE).removeprefix(".")
    return 4 if inner in TOP else ROWS[inner.split(".")[0]]


def package(module):
    """The sub-package a module belongs to, or the whole package for a file at its root."""
    parts = module.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 or MODULES[module].stem == "__init__" else parts[0]


def imports(module):
    """The package's own modules that a module imports, wherever in its text it does so."""
    home = module.split(".")
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            up = node.level - (MODULES[module].stem == "__init__")
            base = home[: len(home) - up] if node.level else []
            source = ".".join(base + (node.module.split(".") if node.module else []))
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield from [n for n in (name if name in MODULES else source,) if n in MODULES]


def is_allowed(importer, imported):
    if imported in COMMANDS:
        return False
    same = row(imported) == row(importer) and package(imported) == package(importer)
    return same or row(imported) < row(importer)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_lies_below_it(module):
    assert [name for name in imports(module) if not is_allowed(module, name)] == []


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("models.cyclegan", "models.losses", True),
        ("models.cyclegan", "data.pipeline", False),
        ("data.pipeline", "models.cyclegan", False),
        ("serving.signatures", "translation.network", True),
        ("translation.network", "serving.signatures", False),
        ("training.loop", "evaluation.truth", False),
        ("training.loop", "training.observers", True),
        ("training.loop", "training.experiment", False),
        ("training.experiment", "evaluation.evaluate", True),
        ("images", "errors", True),
        ("config", "models.losses", False),
        ("train", "cli", True),
        ("train", "evaluate", False),
        ("models.losses", "cli", False),
    ],
)
def test_the_rule_tells_right_from_wrong(importer, imported, allowed):
    assert is_allowed(f"{PACKAGE}.{importer}", f"{PACKAGE}.{imported}") is allowed


def test_imports_are_found_in_every_form():
    assert f"{PACKAGE}.errors" in set(imports(f"{PACKAGE}.images"))  # from .errors import ...
    assert f"{PACKAGE}.compat" in set(imports(f"{PACKAGE}.models.translator"))  # import a module
    assert f"{PACKAGE}.cli" in set(imports(f"{PACKAGE}.train"))
    assert f"{PACKAGE}.training.experiment" in set(imports(f"{PACKAGE}.train"))  # in a function
    assert {f"{PACKAGE}.train", f"{PACKAGE}.translate"} <= COMMANDS
