"""Imports go downward only: the rows of docs/architecture.md, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "cyclegan_tf"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / PACKAGE).rglob("*.py"))
}
# From the top down. Packages in one row do not import each other.
ROWS = (
    {"runs"},
    {"evaluation", "serving"},
    {"translation", "preparation", "neural_style"},
    {"models", "data", "interchange", "training"},
    {"images", "config"},
)
FOUNDATION = {"errors", "files", "threads", "progress", "compat", "ledger"}
# A package's `__init__` imports nothing, except to register layers with Keras.
REGISTERS_LAYERS = f"{PACKAGE}.models"


def place(module):
    """The folder that a module is in, or its own name if it is at the root."""
    return module.partition(".")[2].partition(".")[0]


def row(module):
    """The height of a module: 0 for the foundation, above all packages for commands and `cli`."""
    if place(module) in FOUNDATION:
        return 0
    heights = (len(ROWS) - number for number, row in enumerate(ROWS) if place(module) in row)
    return next(heights, len(ROWS) + 1)


def is_at_root(module):
    return module.count(".") == 1 and MODULES[module].stem != "__init__"


def is_command(module):
    return is_at_root(module) and any(
        isinstance(node, ast.FunctionDef) and node.name == "main"
        for node in ast.parse(MODULES[module].read_text()).body
    )


def imports(module, nested=True):
    """The package's own modules that a module imports: at its top, or anywhere if `nested`."""
    tree = ast.parse(MODULES[module].read_text())
    for node in ast.walk(tree) if nested else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            for alias in node.names:
                names = (f"{node.module}.{alias.name}", node.module)
                yield from [name for name in names if name in MODULES][:1]


def is_allowed(importer, imported):
    if is_command(imported):
        return importer == f"{PACKAGE}.__main__"
    same = place(importer) == place(imported) or row(importer) in (0, len(ROWS) + 1)
    return row(imported) < row(importer) or (row(imported) == row(importer) and same)


def cycle(graph):
    """Some modules that import each other in a circle, or none of them."""
    graph = {module: set(imported) & set(graph) for module, imported in graph.items()}
    while free := [module for module, imported in graph.items() if not imported]:
        graph = {m: imported - set(free) for m, imported in graph.items() if m not in free}
    return sorted(graph)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module):
    assert [name for name in imports(module) if not is_allowed(module, name)] == []


@pytest.mark.parametrize("module", [m for m in MODULES if MODULES[m].stem == "__init__"])
def test_packages_import_nothing(module):
    allowed = set(MODULES) if module == REGISTERS_LAYERS else set()
    assert set(imports(module)) <= allowed


def test_no_modules_import_each_other_in_a_circle():
    graph = {m: imports(m, nested=False) for m in MODULES if MODULES[m].stem != "__init__"}
    assert cycle(graph) == []


def test_the_root_holds_commands_and_the_foundation_only():
    others = {place(m) for m in MODULES if is_at_root(m) and not is_command(m)}
    assert others <= FOUNDATION | {"cli", "__main__"}
    folders = {place(m) for m in MODULES if m.count(".") == 2}
    assert folders == set.union(*ROWS)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("models.cyclegan", "models.losses", True),
        ("models.cyclegan", "data.pipeline", False),
        ("data.pipeline", "models.cyclegan", False),
        ("serving.signatures", "translation.network", True),
        ("translation.network", "serving.signatures", False),
        ("training.loop", "evaluation.figures", False),
        ("training.loop", "models.losses", False),
        ("training.loop", "training.observers", True),
        ("training.loop", "runs.experiment", False),
        ("runs.experiment", "evaluation.evaluate", True),
        ("images.images", "errors", True),
        ("images.images", "config.config", False),
        ("errors", "config.config", False),
        ("files", "errors", True),
        ("config.config", "models.losses", False),
        ("train", "cli", True),
        ("train", "evaluate", False),
        ("models.losses", "cli", False),
    ],
)
def test_the_rule_tells_right_from_wrong(importer, imported, allowed):
    assert is_allowed(f"{PACKAGE}.{importer}", f"{PACKAGE}.{imported}") is allowed


def test_imports_are_found_in_every_form():
    assert f"{PACKAGE}.compat" in set(imports(f"{PACKAGE}.models.translator"))  # import a module
    assert f"{PACKAGE}.cli" in set(imports(f"{PACKAGE}.train"))
    assert f"{PACKAGE}.runs.experiment" in set(imports(f"{PACKAGE}.train"))  # in a function
    assert is_command(f"{PACKAGE}.train") and is_command(f"{PACKAGE}.translate")


def test_circles_are_found():
    assert cycle({"a": ["b"], "b": ["c"], "c": ["b"], "d": []}) == ["a", "b", "c"]
