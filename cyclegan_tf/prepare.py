"""Makes data sets: looks into them, before training does.

python -m cyclegan_tf.prepare check photos
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError


def main(arguments: Sequence[str]) -> int:
    """Runs the sub-command that is named first.

    Args:
        arguments: The program's name, the sub-command's, then its flags.

    Returns:
        The sub-command's exit status.
    """
    name = arguments[1] if len(arguments) > 1 else ""
    if name in ("--help", "-h"):
        print("\n".join([(__doc__ or "").strip(), "", *map("{} --help".format, COMMANDS)]))
        return 0
    if name not in COMMANDS:
        raise UserError(f"what is to be done? received {name!r}, expected {', '.join(COMMANDS)}")
    return COMMANDS[name](arguments[1:])


def check(arguments: Sequence[str]) -> int:
    """Looks into a data set; returns 1 if training on it would go wrong."""
    line = cli.CommandLine(
        "check DIR: what the domains of a data set hold. Exits with 1 if training would go wrong: "
        "a domain empty, a quarter of it unreadable, or test pictures among those for training."
    )
    line.add("data", str, "", "A folder with trainA, trainB, ...; or one domain's pictures.")
    line.add("other", str, "", "The other domain's folder, if the first is one of pictures.")
    line.add("crop_size", int, 256, "Size of the crops that networks will see, in pixels.")
    line.add("output", str, "", "Folder for report and sheets (default: DIR_check).")
    line.parse(arguments, "data")
    data, other = Path(line.required("data")), line["other"]

    cli.import_tensorflow()
    from cyclegan_tf.preparation.check import check, default_output, domain_folders
    from cyclegan_tf.preparation.check_report import table, write_report

    folders = domain_folders(data, Path(other) if other else None)
    found = check(folders, line["crop_size"])
    written = write_report(Path(line["output"] or default_output(data)), found)
    print(table(found), *("", *written), sep="\n")
    return 1 if found.errors else 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"check": check}

if __name__ == "__main__":
    cli.run(main)
