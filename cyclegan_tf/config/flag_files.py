"""Flag files, which hold one flag a line, and presets, the flag files that the package installs."""

import codecs
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf.errors import UserError, suggestion

_log = logging.getLogger(__name__)


def presets() -> dict[str, Path]:
    """Return the preset files by name."""
    package = Path(__file__).parents[1]
    # setup.py installs the folder inside the package. A clone has it beside the package.
    folder = package / "presets"
    folder = folder if folder.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.flags"))}


def read_preset(name: str) -> list[str]:
    """Return the flags of a preset.

    Raises:
        UserError: If there is no preset of this name.
    """
    files = presets()
    if name not in files:
        raise UserError(f"unknown --preset={name}{suggestion(name, files)}")
    return _read(files[name])


def expand(arguments: Sequence[str]) -> list[str]:
    """Replace each `--flagfile` by the flags in its file.

    absl can do this too, but it fails on a byte order mark and finds files that are named in a
    flag file relative to the working directory only.

    Args:
        arguments: The arguments of a command.

    Returns:
        The arguments in their order. Those after `--` are unchanged.

    Raises:
        UserError: If a file cannot be read or includes itself.
    """
    expanded: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*expanded, argument, *rest]
        name, separator, value = argument.partition("=")
        if name.lstrip("-") != "flagfile" or not argument.startswith("-"):
            expanded.append(argument)
            continue
        if not separator:
            if not rest:
                raise UserError("--flagfile needs a file: --flagfile=FILE")
            value = rest.pop(0)
        # As in absl, an empty name means no file, so that scripts can leave a variable empty.
        expanded += _read(Path(value).expanduser()) if value else []
    return expanded


def _read(path: Path, including: tuple[Path, ...] = ()) -> list[str]:
    """Return the flags of a file, given the files that include it."""
    including = (*including, path.resolve())
    if path.resolve() in including[:-1]:
        raise UserError(f"the flag file {path} includes itself")
    arguments: list[str] = []
    for line in map(str.strip, re.split(r"[\r\n]", _text(path))):
        if not line or line.startswith(("#", "//")):
            continue
        # On a command line, the shell removes quotes around a value. Remove them here too, so
        # that a copied command line works.
        line = re.sub(r"^(--?\w+=)([\"'])(.*)\2$", r"\1\3", line)
        if match := re.fullmatch(r"--?flagfile=(.*)", line):
            if name := match[1].strip():
                arguments += _read(_nested(path, name), including)
        else:
            arguments.append(line)
    return arguments


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the flag file {path}: {error.strerror}") from None
    # PowerShell's `>` writes UTF-16.
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"the flag file {path} is not UTF-8 text; save it as UTF-8") from None


def _nested(file: Path, name: str) -> Path:
    """Return the path of a flag file that another one names."""
    path = Path(name).expanduser()
    beside = file.parent / path
    if beside.exists() or not path.exists():
        return beside
    _log.warning(
        "%s: --flagfile=%s was found in the working directory only; "
        "name it relative to the folder of %s",
        *(file, name, file.name),
    )
    return path
