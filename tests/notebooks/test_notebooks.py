"""The notebooks: what they are made of, what is stored in them, and that they run."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))
# Values with which each runs in seconds.
TINY: dict[str, dict[str, Any]] = {
    "01_neural_style": {"size": 32, "iterations": 3, "backbone_weights": "random"},
    "02_autoencoder_to_pix2pix": {
        **{"size": 32, "filters": 4, "autoencoder_steps": 2, "steps": 20},
        "pairs": "avatars/blond2ginger",
    },
    "03_cyclegan": {"steps": 3, "failure_steps": 2, "size": 32, "log_every": 1, "sample_every": 2},
    "04_your_own_faces": {"scenes": 24, "size": 32, "steps": 25, "replicas": 1},
    "05_serve": {"steps": 2, "repetitions": 1},
}
MAX_BYTES = 1_500_000
# What a notebook may import.
MODULES = {
    "cyclegan_tf",
    "tensorflow",
    "numpy",
    "matplotlib",
    "PIL",
    "IPython",
} | sys.stdlib_module_names


@cache
def cells(name: str, kind: str = "code") -> list[dict[str, Any]]:
    found = json.loads((ROOT / f"notebooks/{name}.ipynb").read_text())["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code(name: str) -> list[ast.Module]:
    """The code cells as Python, their magics as calls."""
    of_magics = "IPython.core.inputtransformer2"
    ipython = pytest.importorskip(of_magics, reason="needs ipykernel (extra notebooks)")
    transform = ipython.TransformerManager().transform_cell
    return [ast.parse(transform(source(cell))) for cell in cells(name)]


def parameters(name: str) -> dict[str, Any]:
    """The values in the cell that papermill replaces."""
    (cell,) = [c for c in cells(name) if "parameters" in c["metadata"].get("tags", ())]
    statements = ast.parse(source(cell)).body
    assert all(isinstance(statement, ast.Assign) for statement in statements)
    return {s.targets[0].id: ast.literal_eval(s.value) for s in statements}  # type: ignore[attr-defined]


def outputs(name: str) -> list[dict[str, Any]]:
    return [output for cell in cells(name) for output in cell["outputs"]]


def words(executed: list[dict[str, Any]]) -> str:
    """All that came out in words."""
    found = [output for cell in executed for output in cell.get("outputs", ())]
    parts = [output.get("text", ()) for output in found]
    for data in (output.get("data", {}) for output in found):
        parts += [data[kind] for kind in data if kind.startswith("text/")]
    return "\n".join("".join(part) for part in parts)


def test_all_have_tiny_values() -> None:
    assert set(TINY) == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_imported_of_the_package_is_there(name: str) -> None:
    for tree in code(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("cyclegan_tf"):
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    path = f"{module.__name__}.{alias.name}"
                    assert hasattr(module, alias.name) or importlib.util.find_spec(path), path


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_title_has_a_badge_and_says_what_is_stored(name: str) -> None:
    title = source(cells(name, "markdown")[0])
    assert title.startswith("# ")
    address = r"\(https://colab\.research\.google\.com/github/[\w.-]+/[\w.-]+/blob/main/notebooks/"
    assert re.search(rf"{address}{name}\.ipynb\)", title)
    assert re.search(r"^\*\*Stored run:\*\* .*(CPU|GPU).* (minutes|seconds)", title, re.MULTILINE)


def test_install_cells_are_the_same() -> None:
    assert len({source(cells(name)[0]) for name in NOTEBOOKS}) == 1
    assert "pip install" in source(cells(NOTEBOOKS[0])[0])


def test_the_address_is_set_and_set_again(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=lambda *_: ["runs"])
    for name in ("Makefile", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for repository in ("someone/my.fork-2", "another/cyclegan_tf"):
        make = ["make", "-s", "address", f"REPOSITORY={repository}"]
        subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)
        for name in NOTEBOOKS:
            text = (tmp_path / f"notebooks/{name}.ipynb").read_text()
            addresses = re.findall(
                r"(?:\.com/github|git\+https://github\.com)/([\w.-]+/[\w.-]+)", text
            )
            assert addresses == [repository, repository]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_tiny_values_are_smaller_than_the_parameters(name: str) -> None:
    defaults = parameters(name)
    for parameter, tiny in TINY[name].items():
        default = defaults[parameter]
        if isinstance(tiny, (int, float)) and not isinstance(tiny, bool):
            assert 0 <= tiny < default, parameter
        else:
            assert tiny != default, parameter


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_code_defines_nothing_and_imports_little(name: str) -> None:
    for node in (node for tree in code(name) for node in ast.walk(tree)):
        assert not isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        ), f"line {getattr(node, 'lineno', 0)} belongs in the package"
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            imported = [node.module or ""]
        assert {module.partition(".")[0] for module in imported} <= MODULES


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_whole_run_is_stored(name: str) -> None:
    counts = [cell["execution_count"] for cell in cells(name)]
    assert counts == list(range(1, len(counts) + 1))
    assert any(
        "image/png" in o.get("data", {}) or "image/jpeg" in o.get("data", {}) for o in outputs(name)
    )
    assert not [output for output in outputs(name) if output["output_type"] == "error"]
    assert (ROOT / f"notebooks/{name}.ipynb").stat().st_size < MAX_BYTES


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stored_words_are_clean(name: str) -> None:
    said = words(cells(name))
    assert not re.findall(r"(?:^|[\s'\"=:(])/(?:work|root|tmp|home|usr|opt|content)\b.*", said)
    assert not re.findall(r".*(?:Warning|WARNING|Traceback|[IWE]0000).*", said)
    # A bar that moved would fill pages; a terminal's line ends are none.
    assert not re.search(r"\r(?!\n)", said)
    assert not [output for output in outputs(name) if output.get("name") == "stderr"]
    stored = (ROOT / f"notebooks/{name}.ipynb").read_text()
    assert str(Path.home()) not in stored and str(ROOT) not in stored


def test_cyclegan_is_the_quick_start() -> None:
    (cell,) = [source(c) for c in cells("03_cyclegan") if "--generator=gated" in source(c)]
    options = cell.format(**parameters("03_cyclegan")).splitlines()
    lines = (ROOT / "configs/quickstart.flags").read_text().splitlines()
    flags = {line for line in lines if line.startswith("--")}
    # How often it draws samples is a parameter, given where training is started.
    assert flags - set(options) == {"--sample_every=500"}


def execute(name: str, folder: Path, **values: Any) -> str:
    """Runs a notebook with tiny values, and others that are given, and returns its words."""
    executed = folder / "executed.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", f"--cwd={folder}"]
    # JSON is YAML, which is how papermill takes values of any type.
    command += [f"--parameters_yaml={json.dumps(TINY[name] | values)}"]
    command += [str(ROOT / f"notebooks/{name}.ipynb"), str(executed)]
    # What runs is this copy of the package, and none that is installed elsewhere.
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:]
    return words(json.loads(executed.read_text())["cells"])


@pytest.mark.notebook
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs(name: str, tmp_path: Path) -> None:
    execute(name, tmp_path)


@pytest.mark.notebook
def test_asks_a_server_where_there_is_one(exported_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow_serving", reason="serving needs tensorflow-serving-api")
    from serving_double import ServingDouble

    with ServingDouble(exported_model) as double:
        server = double.rest_url.split("/")[2]
        said = execute("05_serve", tmp_path, server=server, model=exported_model.name)
    assert f"answered by the server at {server}" in said
    # The double serves another model.
    assert re.search(r"face\.png +status 0, .* another than above", said)
    assert re.search(r"cut off\.png +status 1, 0 bytes", said)
