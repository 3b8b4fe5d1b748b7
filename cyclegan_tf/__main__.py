"""The program `cyclegan-tf`, or `python -m cyclegan_tf`: lists the commands and runs one."""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cyclegan_tf import cli
from cyclegan_tf.errors import suggestion

USAGE = """Usage:
  cyclegan-tf COMMAND [--flag=value ...]
  cyclegan-tf COMMAND --help

Commands:"""


def commands() -> dict[str, str]:
    """Return the summary of each command, by name.

    A command is a file at the root of the package that defines `main`. Files are parsed instead of
    imported, because some that are not commands import TensorFlow.
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def dispatch(arguments: Sequence[str]) -> int:
    """Run the named command, or list the commands.

    Args:
        arguments: The program's name, the command's name, then the command's flags.

    Returns:
        The exit status of the command, or 2 if there is no such command.
    """
    name, known = (arguments[1] if len(arguments) > 1 else "--help"), commands()
    if name in known:
        return importlib.import_module(f"cyclegan_tf.{name}").main(arguments[1:])
    if name in ("--help", "-h", "help"):
        print(
            USAGE, *(f"  {command:10}  {summary}" for command, summary in known.items()), sep="\n"
        )
        return 0
    print(f"error: unknown command {name}{suggestion(name, known)}", file=sys.stderr)
    return 2


def run() -> NoReturn:
    """Run the program and end the process."""
    cli.run(dispatch)


if __name__ == "__main__":
    run()
