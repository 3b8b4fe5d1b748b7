"""Command lines: absl flags derived from the dataclasses of options, and exits of commands."""

import dataclasses
import functools
import inspect
import logging
import os
import re
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

from absl import flags

from cyclegan_tf.config import flag_files
from cyclegan_tf.config.config import Config, options
from cyclegan_tf.config.option import Options, check_bounds
from cyclegan_tf.config.run_options import EVAL_MODE
from cyclegan_tf.errors import UserError

_log = logging.getLogger(__name__)
_Options = TypeVar("_Options", bound=Options)
_DEFINE: dict[type, Callable[..., Any]] = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


class Flag(NamedTuple):
    """The definition of a flag, for help and documentation.

    Attributes:
        name: Name without dashes.
        kind: bool, int, float or str.
        default: Default value.
        help_text: One line, with the unit.
        choices: Allowed values; empty if there is no such list.
        bounds: Bounds in the form of `option.option`.
    """

    name: str
    kind: type
    default: Any
    help_text: str
    choices: Sequence[str]
    bounds: Mapping[str, Any]


class CommandLine:
    """The flags of one command, in titled groups.

    Args:
        text: Summary and examples in the format of `read_examples`, usually the docstring of the
            command.

    Attributes:
        summary: Description of the command.
        examples: Example command lines; may be empty.
        groups: The defined flags, by title of the group.
    """

    def __init__(self, text: str | None) -> None:
        self.summary, self.examples = read_examples(text)
        self.groups: dict[str, list[Flag]] = {}
        self._values = flags.FlagValues()
        self._former: dict[str, str] = {}

    def add(
        self,
        name: str,
        kind: type,
        default: Any,
        help_text: str,
        choices: Sequence[str] = (),
        group: str = "This command",
        **bounds: Any,
    ) -> None:
        """Define a flag.

        Args:
            name: Name without dashes.
            kind: bool, int, float or str.
            default: Default value.
            help_text: One line, with the unit.
            choices: Allowed values; empty for any value.
            group: Title of the group in `--help`.
            **bounds: As for `option.option`; checked by `parse`.
        """
        if choices:
            flags.DEFINE_enum(name, default, list(choices), help_text, flag_values=self._values)
        else:
            _DEFINE[kind](name, default, help_text, flag_values=self._values)
        flag = Flag(name, kind, default, help_text, choices, bounds)
        self.groups.setdefault(group, []).append(flag)

    def add_former(self, **successors: str) -> None:
        """Accept deprecated flags for one more version, with a warning.

        Args:
            **successors: The new name by former name; empty if the flag no longer has an effect.
        """
        for name in successors:
            flags.DEFINE_string(name, None, "Former flag.", flag_values=self._values)
        self._former |= successors

    def add_run(self, eval_mode: bool = False) -> None:
        """Define the flags that select a run, a checkpoint and optionally the evaluation mode."""
        self.add("workdir", str, "", "Folder of the run.")
        self.add("step", int, None, "Step of the checkpoint to use (default: the newest).")
        if eval_mode:
            self.add("eval_mode", bool, None, EVAL_MODE)

    def add_preset(self, style: bool = False) -> None:
        """Define the flag that reads a preset. Other flags override it in any position.

        Args:
            style: Whether to offer the presets of `stylize` instead of those of `train`.
        """
        names = [n for n in flag_files.presets() if n.startswith("neural_style") == style]
        help_text = f"Flags to start from, which other flags override: {', '.join(names)}."
        self.add("preset", str, "", help_text)

    def add_training(self) -> None:
        """Define the flags of `train`."""
        self.add("workdir", str, "", "Folder of the run. Training resumes if it holds one.")
        self.add("dry_run", bool, False, "Describe the run and stop.")
        self.add_preset()
        self.add_config()

    def add_config(self) -> None:
        """Define a flag for every option of the configuration."""
        config = Config()
        for group in dataclasses.fields(config):
            self.add_options(getattr(config, group.name), f"{group.name.capitalize()} options")

    def add_options(self, defaults: Any, title: str, without: Collection[str] = ()) -> None:
        """Define a flag for every option of a dataclass.

        Args:
            defaults: An instance of the dataclass; its values are the defaults of the flags.
            title: Title of the group in `--help`.
            without: Options to omit.
        """
        for option in (f for f in dataclasses.fields(defaults) if f.name not in without):
            default = getattr(defaults, option.name)
            facts = dict(option.metadata)
            help_text, choices = facts.pop("help"), facts.pop("choices", ())
            self.add(option.name, _plain(option), default, help_text, choices, title, **facts)

    def options(self, defaults: _Options) -> _Options:
        """Return the dataclass that was passed to `add_options`, with the values of the flags.

        Raises:
            UserError: If a value is out of bounds.
        """
        names = {option.name for option in dataclasses.fields(defaults)} & {*self._values}
        return dataclasses.replace(defaults, **{name: self[name] for name in names}).validate()

    def answer_help(self, arguments: Sequence[str]) -> None:
        """Print the help and end the process, if an argument requests it.

        Args:
            arguments: The program's name, then the flags.

        Raises:
            SystemExit: After printing the help.
        """
        if {"--help", "-help", "--helpfull", "-h"}.intersection(arguments[1:]):
            print(self.help())
            raise SystemExit(0)

    def parse(self, arguments: Sequence[str], first: str = "") -> None:
        """Parse the arguments, including flag files and a preset.

        Args:
            arguments: The program's name, then the flags.
            first: Name of the flag that a single positional argument sets; empty to allow none.

        Raises:
            UserError: If an argument is unknown, has the wrong type or is out of bounds, or if a
                flag file cannot be read.
            SystemExit: After printing the help, if an argument requests it.
        """
        self.answer_help(arguments)
        expanded = flag_files.expand(arguments[1:])
        rest = self._parse(["", *expanded])
        if "preset" in self._values and self["preset"]:
            # Later flags override earlier ones, so the preset's flags come first.
            rest = self._parse(["", *flag_files.read_preset(self["preset"]), *expanded])
        if first and len(rest) == 2 and not self._values[first].present:
            self._parse(["", f"--{first}={rest.pop()}"])
        if len(rest) > 1:
            raise UserError(f"unexpected argument {rest[1]}; options start with --")
        self._replace_former()
        for flag in (flag for group in self.groups.values() for flag in group):
            check_bounds(flag.name, self[flag.name], {"help": flag.help_text, **flag.bounds})

    def _replace_former(self) -> None:
        for name, successor in self._former.items():
            if not self._values[name].present:
                continue
            if successor:
                _log.warning("--%s is now called --%s", name, successor)
                self._parse(["", f"--{successor}={self[name]}"])
            else:
                _log.warning("--%s no longer has an effect", name)

    def _parse(self, arguments: Sequence[str]) -> list[str]:
        try:
            return self._values(list(arguments))
        except flags.Error as error:
            raise UserError(" ".join(str(error).split())) from None

    def __getitem__(self, name: str) -> Any:
        return self._values[name].value

    def required(self, name: str) -> str:
        """Return the value of a required flag.

        Raises:
            UserError: If it was not given.
        """
        if not self[name]:
            raise UserError(f"--{name} is needed: {self._values[name].help}")
        return self[name]

    def given(self) -> dict[str, Any]:
        """Return the flags that were given on the command line or in a flag file."""
        return {name: self[name] for name in self._values if self._values[name].present}

    def config(self, base: Config | None) -> Config:
        """Return the configuration of a run or the defaults of a model, updated by given flags.

        Args:
            base: Configuration of the run to resume; None for a new run.
        """
        names = {option.name for _, option, _ in options(Config())}
        given = {name: value for name, value in self.given().items() if name in names}
        return base.replace(given) if base else Config.of(**given)

    def help(self) -> str:
        """Return the help: examples, summary, then the flags with help and default, by group."""
        examples = ["Examples:", textwrap.indent(self.examples, "  "), ""] if self.examples else []
        about = f"{self.summary}\n\n--flagfile=FILE reads flags from a file, one a line."
        lines = [*examples, *map(_wrapped, about.split("\n"))]
        for title, group in self.groups.items():
            lines += ["", f"{title}:"]
            for name in (flag.name for flag in group):
                flag = self._values[name]
                default = "" if flag.default in (None, "") else f" (default: {flag.default})"
                lines.append(_wrapped(f"  --{name}: {flag.help}{default}", hanging=" " * 6))
        return "\n".join(lines)


def read_examples(text: str | None) -> tuple[str, str]:
    """Split the docstring of a command into summary and examples.

    Args:
        text: The docstring. The examples are its last paragraphs, and the first of them begins
            with `python -m cyclegan_tf` or `cyclegan-tf`.

    Returns:
        The summary, with one line per paragraph, and the examples.
    """
    summary: list[str] = []
    examples: list[str] = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if examples or paragraph.lstrip().startswith(("python -m cyclegan_tf", "cyclegan-tf")):
            examples.append(paragraph)
        else:
            summary.append(" ".join(paragraph.split()))
    return "\n\n".join(summary), textwrap.dedent("\n\n".join(examples))


def _wrapped(line: str, hanging: str = "") -> str:
    """Wrap a line of help at 100 columns."""
    return textwrap.fill(
        line, 100, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def _plain(option: dataclasses.Field[Any]) -> type:
    """Return the type of an option, without `None`."""
    kinds = typing.get_args(option.type) if isinstance(option.type, types.UnionType) else ()
    return next((kind for kind in kinds if kind is not types.NoneType), option.type)  # type: ignore[return-value]


def import_tensorflow() -> None:
    """Import TensorFlow for a command or notebook, without its messages about missing GPUs.

    TensorFlow writes some of them before any setting takes effect, so stderr is redirected during
    the import. Afterwards, TensorFlow's log stays silent unless TF_CPP_MIN_LOG_LEVEL is set.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    os.close(devnull)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def in_flags(text: str) -> str:
    """Replace the arguments that an error of the library names by flags.

    The library quotes arguments in backticks: `crop_size=8` becomes --crop_size=8.
    """
    return re.sub(r"`([a-z]\w*(?:=[^`]*)?)`", r"--\1", text)


def command(main: Callable[[Sequence[str]], int]) -> Callable[[Sequence[str]], int]:
    """Decorate the `main` of a command, so that its errors name flags instead of arguments."""

    @functools.wraps(main)
    def naming_flags(arguments: Sequence[str]) -> int:
        try:
            return main(arguments)
        except UserError as error:
            error.args = (in_flags(str(error)),)
            raise

    return naming_flags


def run(main: Callable[[Sequence[str]], int | None]) -> NoReturn:
    """Run a command and exit the process; print errors of the user as one line on stderr.

    Args:
        main: Function of the arguments, starting with the program's name, to the exit status.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    # These packages log details that do not help users.
    for package in ("absl", "tensorflow", "etils", "httpx"):
        logging.getLogger(package).setLevel(logging.ERROR)
    try:
        status = main(sys.argv) or 0
    except (UserError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 1
        if isinstance(error, UserError) and error.at_once:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
