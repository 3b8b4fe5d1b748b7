"""Train the quick start: blond to ginger hair on generated avatars, in minutes on a CPU.

Accepts the flags of `train`. The default preset is `quickstart`, the default workdir
`runs/quickstart`. The avatars need the extra `demo-data`.

    cyclegan-tf quickstart
    cyclegan-tf quickstart --max_steps=50 --workdir=runs/short
"""

from collections.abc import Sequence

from cyclegan_tf import cli
from cyclegan_tf.__main__ import dispatch

DEFAULTS = ("--preset=quickstart", "--workdir=runs/quickstart")


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command, and return the exit status of `train`."""
    line = cli.CommandLine(__doc__)
    line.add_training()
    line.answer_help(arguments)  # With the examples above; `train` parses the flags.
    return dispatch(["cyclegan-tf", "train", *DEFAULTS, *arguments[1:]])


if __name__ == "__main__":
    cli.run(main)
