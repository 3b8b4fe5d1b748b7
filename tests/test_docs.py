"""The pages: their links lead somewhere, and the reference has every flag and every name."""

import dataclasses
import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

import cyclegan_tf
from cyclegan_tf.config.config import Config, options
from cyclegan_tf.neural_style.options import BackboneOptions, StyleOptions

ROOT = Path(__file__).parents[1]
PAGES = {
    page.relative_to(ROOT).as_posix(): page
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
}
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names that GitHub, and MyST after it, give to a page's headings."""
    seen: Counter[str] = Counter()
    names = set()
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


def broken_links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)\s]+)", CODE.sub("", page.read_text()))
    broken = []
    for link in (link for link in links if not link.startswith(("http://", "https://"))):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    assert broken_links(PAGES[page]) == []


@pytest.mark.parametrize("page", PAGES)
def test_flag_files_that_are_named_exist(page: str) -> None:
    for name in re.findall(r"`(?:configs/)?(\w+\.flags)`", PAGES[page].read_text()):
        assert (ROOT / "configs" / name).exists(), name


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = """
# The `--one` & only
## Twice
## Twice
[a](#the---one--only) [b](#twice-1) [c](page.md) `[d](code)`
[e](#twice-2) [f](gone.md) [g](gone.md#twice) [h](page.md#nowhere)
"""
    page.write_text(text)
    assert broken_links(page) == ["#twice-2", "gone.md", "gone.md#twice", "page.md#nowhere"]


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    """The pages of the reference by name, as `make docs` writes them."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.pages())


def test_every_command_has_a_page(reference: dict[str, str]) -> None:
    commands = {
        path.stem
        for path in Path(cyclegan_tf.__file__).parent.glob("*.py")
        if re.search(r"^def main\(", path.read_text(), re.MULTILINE)
    }
    assert {"train", "translate", "prepare"} <= commands
    assert {name for name in reference if name.startswith("commands/")} == {
        f"commands/{command}.md" for command in commands
    }
    for sub_command in ("check", "split", "faces", "fetch"):
        assert f"## prepare {sub_command}\n" in reference["commands/prepare.md"]


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_shown_have_their_flags(page: str, reference: dict[str, str]) -> None:
    text = PAGES[page].read_text().replace("\\\n", " ")
    for command, line in re.findall(r"^ *!?python -m cyclegan_tf\.(\w+)(.*)$", text, re.MULTILINE):
        known = set(re.findall(r"--(\w+)", reference[f"commands/{command}.md"]))
        assert set(re.findall(r" --(\w+)", line)) <= known | {"flagfile"}, line


def test_flags_have_values_defaults_and_bounds(reference: dict[str, str]) -> None:
    train = reference["commands/train.md"]
    flags = re.findall(r"^```{option} --(\w+)", train, re.MULTILINE)
    assert flags == [
        "workdir",
        "dry_run",
        "preset",
        *(field.name for _, field, _ in options(Config())),
    ]
    assert "```{option} --swap, --noswap\n" in train
    assert "```{option} --norm=instance|batch|none\n" in train
    assert "full learning rate. (default: `100`; at least 1)\n" in train
    assert "Adam's learning rate. (default: `0.0002`; more than 0.0)\n" in train
    assert "(default: `10.0`; at least 0.0; for cyclegan only)\n" in train
    style = [f.name for part in (StyleOptions, BackboneOptions) for f in dataclasses.fields(part)]
    assert set(style) <= set(re.findall(r"--(\w+)", reference["commands/stylize.md"]))


def test_every_public_name_and_every_module_is_documented_once(reference: dict[str, str]) -> None:
    text = "\n".join(reference.values())
    public = re.findall(r"auto(?:class|function):: cyclegan_tf\.(\w+)\n", text)
    assert public == [name for name in cyclegan_tf.__all__ if name != "__version__"]
    package = Path(cyclegan_tf.__file__).parent
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
        if not re.search(r"^def main\(", path.read_text(), re.MULTILINE)
    }
    documented = re.findall(r"automodule:: (\S+)\n", text)
    assert sorted(documented) == sorted(modules - {"cyclegan_tf"})
