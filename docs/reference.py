"""Sphinx extension that writes the reference: commands from their flags, the library by autodoc.

Every build rewrites the pages in `docs/reference`, which git ignores, so that they match the code.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn
from unittest import mock

import cyclegan_tf
from cyclegan_tf.__main__ import commands
from cyclegan_tf.cli import CommandLine, Flag, import_tensorflow

PACKAGE = cyclegan_tf.__name__
COMMANDS = """# Commands

Run a command as `cyclegan-tf COMMAND` or `python -m cyclegan_tf.COMMAND`. `cyclegan-tf` alone lists
the commands.

Give flags as `--flag=value`, and switches as `--flag` or `--noflag`. `--help` lists the flags of a
command. `--flagfile=FILE` reads flags from a file, one a line; later flags override earlier ones.
`--preset=NAME` starts from a flag file that comes with the package; all other flags override it.
"""
LIBRARY = """# Library

The public names of `import cyclegan_tf`. The pages below document all other names, by package;
{ref}`genindex` lists them alphabetically.
"""
TEXT_SECTIONS = "Returns|Yields|Inputs?|Outputs?"
VALUES = {bool: "", int: "=INTEGER", float: "=NUMBER", str: "=TEXT"}
BOUNDS: dict[str, Callable[[Any], str]] = {
    "minimum": "at least {}".format,
    "above": "more than {}".format,
    "maximum": "at most {}".format,
    "models": lambda models: f"for {' and '.join(models)} only",
}


def setup(app: Any) -> dict[str, bool]:
    """Register the extension: write pages before Sphinx reads them, and adapt docstrings."""
    import_tensorflow()
    app.connect("config-inited", lambda app, _: write_pages(Path(app.srcdir) / "reference"))
    # Napoleon, which parses sections of docstrings, has priority 500.
    app.connect("autodoc-process-docstring", complete, priority=100)
    app.connect("autodoc-process-signature", of_init)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}


def write_pages(folder: Path) -> None:
    """Write all pages, and remove other files from their folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    yield "changelog.md", "```{include} ../../CHANGELOG.md\n```\n"
    found = [importlib.import_module(f"{PACKAGE}.{name}") for name in commands()]
    yield "commands.md", COMMANDS + toctree(f"commands/{short(module)}" for module in found)
    for module in found:
        yield f"commands/{short(module)}.md", command_page(module)
    parts = packages({module.__name__ for module in found})
    yield "api.md", library_page(parts)
    for part, names in parts.items():
        yield f"api/{part}.md", package_page(part, names)


# Commands.


def command_page(module: ModuleType) -> str:
    """Document a command, or each of its subcommands, with its flags by group."""
    name = short(module)
    text = f"# {name}\n{introduction(CommandLine(module.__doc__))}"
    below: Mapping[str, Callable[[Sequence[str]], int]] = getattr(module, "COMMANDS", {})
    for sub_name, main in below.items():
        line = flags_of(main)
        text += f"\n## {name} {sub_name}\n{introduction(line)}"
        text += flag_groups(line, f"{name} {sub_name}", "###")
    return text if below else text + flag_groups(flags_of(module.main), name, "##")


def introduction(line: CommandLine) -> str:
    """Return the summary and the examples of a command."""
    return f"\n{line.summary}\n\n```\n{line.examples}\n```\n"


def short(module: ModuleType) -> str:
    """Return the name of a module within the package."""
    return module.__name__.removeprefix(f"{PACKAGE}.")


class _Defined(Exception):
    """Raised when a command has defined all its flags."""


def flags_of(main: Callable[[Sequence[str]], int]) -> CommandLine:
    """Return the flags that a command defines, by stopping it before it parses them."""
    found = []

    def stop(line: CommandLine, *_: Any) -> NoReturn:
        found.append(line)
        raise _Defined

    with mock.patch.object(CommandLine, "parse", stop):
        try:
            main([])
        except _Defined:
            return found[0]
    raise AssertionError(f"{main.__module__} reads no flags")


def flag_groups(line: CommandLine, program: str, level: str) -> str:
    """Document the flags of a command, with a heading of the given level for each group."""
    text = f"\n```{{program}} {program}\n```\n"
    for title, flags in line.groups.items():
        text += f"\n{level} {title}\n"
        text += "".join(f"\n```{{option}} {usage(flag)}\n{meaning(flag)}\n```\n" for flag in flags)
    return text


def usage(flag: Flag) -> str:
    """Return the usage of a flag."""
    if flag.kind is bool:
        return f"--{flag.name}, --no{flag.name}"
    return f"--{flag.name}" + (f"={'|'.join(flag.choices)}" if flag.choices else VALUES[flag.kind])


def meaning(flag: Flag) -> str:
    """Return the help of a flag, with its default and bounds."""
    help_text = re.sub(r"(?<![`\w])--\w+(=\w+)?", r"`\g<0>`", flag.help_text)
    default = ("off", "on")[flag.default] if isinstance(flag.default, bool) else f"`{flag.default}`"
    facts = [] if flag.default in (None, "") else [f"default: {default}"]
    facts += [say(flag.bounds[bound]) for bound, say in BOUNDS.items() if bound in flag.bounds]
    return help_text + (f" ({'; '.join(facts)})" if facts else "")


# The library.


def packages(without: Iterable[str]) -> dict[str, list[str]]:
    """Return the modules of each package; modules at the root belong to `root`."""
    parts: dict[str, list[str]] = {"root": []}
    for _, name, is_package in pkgutil.walk_packages(cyclegan_tf.__path__, f"{PACKAGE}."):
        part, _, rest = name.removeprefix(f"{PACKAGE}.").partition(".")
        if name not in without:
            parts.setdefault(part if rest or is_package else "root", []).append(name)
    return parts


def public_names() -> list[str]:
    """Return the documented names in `__all__`, in the same order."""
    return [name for name in cyclegan_tf.__all__ if not name.startswith("__")]


def library_page(parts: Iterable[str]) -> str:
    """Document the public names, after a list of the pages of packages."""
    values = {name: getattr(cyclegan_tf, name) for name in public_names()}
    return (
        LIBRARY
        + toctree(f"api/{part}" for part in parts)
        + autodoc(
            f"auto{'class' if inspect.isclass(value) else 'function'}:: {PACKAGE}.{name}"
            for name, value in values.items()
        )
    )


def package_page(part: str, names: Iterable[str]) -> str:
    """Document the modules of a package, except for public names, which have their own page."""
    title = PACKAGE if part == "root" else f"{PACKAGE}.{part}"
    text = f"# {title}\n"
    for name in names:
        public = [n for n in public_names() if getattr(cyclegan_tf, n).__module__ == name]
        text += f"\n## {name}\n" if name != title else ""
        if public:
            text += f"\nSee {', '.join(f'{{py:obj}}`{PACKAGE}.{n}`' for n in public)}.\n"
        option = f":exclude-members: {', '.join(public)}" if public else ":members:"
        # The page of a package starts with the package's docstring; its modules follow.
        option = ":no-members:\n   :no-special-members:" if name == title else option
        text += autodoc([f"automodule:: {name}\n   {option}"])
    return text


def autodoc(directives: Iterable[str]) -> str:
    """Return autodoc directives, wrapped for MyST because docstrings are reStructuredText."""
    return "\n```{eval-rst}\n" + "\n".join(f".. {text}\n" for text in directives) + "```\n"


def complete(_: Any, what: str, name: str, obj: Any, __: Any, lines: list[str]) -> None:
    """Adapt a docstring for napoleon, and document options by their help text.

    In some sections, napoleon takes text before a colon for a type. An empty type prevents that.
    """
    text = "\n".join(lines)
    if what == "class" and dataclasses.is_dataclass(obj):
        options = [field for field in dataclasses.fields(obj) if "help" in field.metadata]
        text += "\nAttributes:\n" if options else ""
        text += "".join(f"    {option.name}: {option.metadata['help']}\n" for option in options)
    sections = r"\A" if what in ("property", "attribute") else f"^(?:{TEXT_SECTIONS}):\n +"
    lines[:] = re.sub(sections, r"\g<0>: ", text, flags=re.MULTILINE).split("\n")


def of_init(_: Any, what: str, __: str, obj: Any, *___: Any) -> tuple[str, str] | None:
    """Give our classes the signature of `__init__`, because Keras has one signature for all."""
    from sphinx.util import inspect as sphinx_inspect

    init: Any = getattr(obj, "__init__", None)
    if what != "class" or not getattr(init, "__module__", "").startswith(PACKAGE):
        return None
    signature = sphinx_inspect.signature(init, bound_method=True)
    shown = sphinx_inspect.stringify_signature(
        signature, show_return_annotation=False, unqualified_typehints=True
    )
    return shown, ""


def skip(_: Any, __: str, ___: str, obj: Any, ____: bool, _____: Any) -> bool | None:
    """Skip the generated docstrings of `NamedTuple` fields."""
    return True if (getattr(obj, "__doc__", "") or "").startswith("Alias for field") else None


# Both.


def toctree(names: Iterable[str]) -> str:
    """Return a list of subpages."""
    return "\n```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"
