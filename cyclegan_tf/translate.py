"""Translate images and clips with a trained run.

    python -m cyclegan_tf.translate --workdir=runs/quickstart --direction=a2b \\
        --input=photos --output=translated
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.config.run_options import EVAL_MODE
from cyclegan_tf.errors import UserError
from cyclegan_tf.translation.options import TranslationOptions


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The program's name, then the flags.

    Returns:
        The exit status: 0, or 1 if a file could not be translated.
    """
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add("direction", str, "a2b", "From which domain to which.", choices=("a2b", "b2a"))
    line.add("input", str, "", "A picture, an animated GIF, a video, or a folder of them.")
    line.add("output", str, "", "Folder for the translations; paths and stems are kept.")
    line.add("side_by_side", str, "", "Folder for sheets of input and translation, if wanted.")
    line.add("overwrite", bool, False, "Begin anew, and remove what was translated before.")
    line.add("eval_mode", bool, None, EVAL_MODE)
    line.add_options(TranslationOptions(), "Translation options")
    line.parse(arguments)
    workdir, source, output = (line.required(name) for name in ("workdir", "input", "output"))
    options, direction = line.options(TranslationOptions()), line["direction"]

    cli.import_tensorflow()
    from cyclegan_tf.runs.run import restore_generators
    from cyclegan_tf.translation.files import translate_files

    run = restore_generators(workdir, line["eval_mode"], line["step"])
    if direction not in run.generators:
        raise UserError(
            f"--direction={direction}: the run in {workdir} translates "
            f"{' and '.join(run.generators)} only"
        )
    about = {"workdir": str(Path(workdir).resolve()), "step": run.step, "direction": direction}
    result = translate_files(
        run.generators[direction],
        source,
        output,
        options,
        line["side_by_side"] or None,
        line["overwrite"],
        about | {"eval_mode": line["eval_mode"] or run.config.run.eval_mode},
    )
    for reason in result.failures.values():
        print(f"skipped {reason}", file=sys.stderr)
    for name, ratio in result.flicker.items():
        figure = "nothing moves" if ratio is None else f"{ratio:.2f}"
        print(f"{name}: flicker {figure} (change between frames, relative to the input's)")
    print(
        f"{result.written} translations in {output}, {result.skipped} were there already, "
        f"{len(result.failures)} failed"
    )
    return 1 if result.failures else 0


if __name__ == "__main__":
    cli.run(main)
