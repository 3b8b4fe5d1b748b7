"""Writes the reference: commands from their own flags, the library from its docstrings.

A Sphinx extension. The pages lie in `docs/reference`, which git ignores, and are written anew
whenever the site is built, so that they cannot fall behind the code.
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

What `import cyclegan_tf` gives. The pages below have all other names, by package;
{ref}`genindex` lists them in the order of the alphabet.
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
    """Has pages written before Sphinx looks for them, and docstrings read as they are meant."""
    import_tensorflow()
    app.connect("config-inited", lambda app, _: write_pages(Path(app.srcdir) / "reference"))
    # Napoleon, which reads their sections, comes at 500.
    app.connect("autodoc-process-docstring", complete, priority=100)
    app.connect("autodoc-process-signature", of_init)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}


def write_pages(folder: Path) -> None:
    """Writes all pages, and removes what else lies in their folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def pages() -> Iterator[tuple[str, str]]:
    """Yields the pages' names and texts."""
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
    """Describes a command, or each of those below it, with its flags by groups."""
    name = short(module)
    text = f"# {name}\n{introduction(CommandLine(module.__doc__))}"
    below: Mapping[str, Callable[[Sequence[str]], int]] = getattr(module, "COMMANDS", {})
    for sub_name, main in below.items():
        line = flags_of(main)
        text += f"\n## {name} {sub_name}\n{introduction(line)}"
        text += flag_groups(line, f"{name} {sub_name}", "###")
    return text if below else text + flag_groups(flags_of(module.main), name, "##")


def introduction(line: CommandLine) -> str:
    """Says what a command does, and shows its examples."""
    return f"\n{line.summary}\n\n```\n{line.examples}\n```\n"


def short(module: ModuleType) -> str:
    """Returns a module's name within the package."""
    return module.__name__.removeprefix(f"{PACKAGE}.")


class _Defined(Exception):
    """A command has defined all its flags."""


def flags_of(main: Callable[[Sequence[str]], int]) -> CommandLine:
    """Returns the flags that a command defines, by stopping it where it would read them."""
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
    """Describes a command's flags, each group under a heading of a level."""
    text = f"\n```{{program}} {program}\n```\n"
    for title, flags in line.groups.items():
        text += f"\n{level} {title}\n"
        text += "".join(f"\n```{{option}} {usage(flag)}\n{meaning(flag)}\n```\n" for flag in flags)
    return text


def usage(flag: Flag) -> str:
    """Shows how a flag is given."""
    if flag.kind is bool:
        return f"--{flag.name}, --no{flag.name}"
    return f"--{flag.name}" + (f"={'|'.join(flag.choices)}" if flag.choices else VALUES[flag.kind])


def meaning(flag: Flag) -> str:
    """Says what a flag means, what it is without, and how far it may go."""
    help_text = re.sub(r"(?<![`\w])--\w+(=\w+)?", r"`\g<0>`", flag.help_text)
    default = ("off", "on")[flag.default] if isinstance(flag.default, bool) else f"`{flag.default}`"
    facts = [] if flag.default in (None, "") else [f"default: {default}"]
    facts += [say(flag.bounds[bound]) for bound, say in BOUNDS.items() if bound in flag.bounds]
    return help_text + (f" ({'; '.join(facts)})" if facts else "")


# The library.


def packages(without: Iterable[str]) -> dict[str, list[str]]:
    """Returns the modules of each package; those at the root are `root`."""
    parts: dict[str, list[str]] = {"root": []}
    for _, name, is_package in pkgutil.walk_packages(cyclegan_tf.__path__, f"{PACKAGE}."):
        part, _, rest = name.removeprefix(f"{PACKAGE}.").partition(".")
        if name not in without:
            parts.setdefault(part if rest or is_package else "root", []).append(name)
    return parts


def public_names() -> list[str]:
    """Returns the names in `__all__` that are documented, in its order."""
    return [name for name in cyclegan_tf.__all__ if not name.startswith("__")]


def library_page(parts: Iterable[str]) -> str:
    """Documents the public names, below a list of the packages' pages."""
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
    """Documents modules; what is public is documented elsewhere."""
    title = PACKAGE if part == "root" else f"{PACKAGE}.{part}"
    text = f"# {title}\n"
    for name in names:
        public = [n for n in public_names() if getattr(cyclegan_tf, n).__module__ == name]
        text += f"\n## {name}\n" if name != title else ""
        if public:
            text += f"\nSee {', '.join(f'{{py:obj}}`{PACKAGE}.{n}`' for n in public)}.\n"
        option = f":exclude-members: {', '.join(public)}" if public else ":members:"
        # A package's page begins with what it is; its modules follow.
        option = ":no-members:\n   :no-special-members:" if name == title else option
        text += autodoc([f"automodule:: {name}\n   {option}"])
    return text


def autodoc(directives: Iterable[str]) -> str:
    """Writes directives of autodoc, which docstrings in reStructuredText need around them."""
    return "\n```{eval-rst}\n" + "\n".join(f".. {text}\n" for text in directives) + "```\n"


def complete(_: Any, what: str, name: str, obj: Any, __: Any, lines: list[str]) -> None:
    """Changes a docstring before napoleon reads it: options are explained by their own help.

    Napoleon takes what stands before a colon for a type where we have text; so give it none.
    """
    text = "\n".join(lines)
    if what == "class" and dataclasses.is_dataclass(obj):
        options = [field for field in dataclasses.fields(obj) if "help" in field.metadata]
        text += "\nAttributes:\n" if options else ""
        text += "".join(f"    {option.name}: {option.metadata['help']}\n" for option in options)
    sections = r"\A" if what in ("property", "attribute") else f"^(?:{TEXT_SECTIONS}):\n +"
    lines[:] = re.sub(sections, r"\g<0>: ", text, flags=re.MULTILINE).split("\n")


def of_init(_: Any, what: str, __: str, obj: Any, *___: Any) -> tuple[str, str] | None:
    """Gives classes of ours the signature of their `__init__`, where Keras has one for all."""
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
    """Leaves out what `NamedTuple` says of its fields, which have no docstrings of their own."""
    return True if (getattr(obj, "__doc__", "") or "").startswith("Alias for field") else None


# Both.


def toctree(names: Iterable[str]) -> str:
    """Lists pages below this one."""
    return "\n```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"
