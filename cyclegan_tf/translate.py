"""Translate images and clips with a trained run.

    python -m cyclegan_tf.translate --workdir=runs/quickstart --direction=a2b \\
        --input=photos --output=translated
"""

import sys
from collections.abc import Sequence

from cyclegan_tf import cli
from cyclegan_tf.config.direction import DIRECTIONS
from cyclegan_tf.translation.options import TranslationOptions


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command, and return the exit status: 0, or 1 if a file could not be translated."""
    line = cli.CommandLine(__doc__)
    line.add_run(eval_mode=True)
    line.add("direction", str, "a2b", "Direction of the translation.", choices=DIRECTIONS)
    line.add("input", str, "", "An image, an animated GIF, a video, or a folder of them.")
    line.add("output", str, "", "Folder for the translations; keeps relative paths and stems.")
    line.add("side_by_side", str, "", "Folder for sheets of input and translation (default: none).")
    line.add("overwrite", bool, False, "Start over and remove earlier translations.")
    line.add_options(TranslationOptions(), "Translation options")
    line.add_former(bit_depth="", statistics_tiles="")
    line.parse(arguments)
    workdir, source, output = (line.required(name) for name in ("workdir", "input", "output"))
    options, direction = line.options(TranslationOptions()), line["direction"]

    cli.import_tensorflow()
    from cyclegan_tf.runs.run import Run

    run = Run.open(workdir, line["step"], line["eval_mode"])
    result = run.translate_files(
        source, output, direction, options, line["side_by_side"] or None, line["overwrite"]
    )
    for reason in result.failures.values():
        print(f"skipped {cli.in_flags(reason)}", file=sys.stderr)
    for name, ratio in result.flicker.items():
        ratio_text = "not defined, nothing moves" if ratio is None else f"{ratio:.2f}"
        print(f"{name}: flicker {ratio_text} (change between frames, relative to the input's)")
    print(
        f"{result.written} translations in {output}, {result.skipped} skipped (already "
        f"translated), {len(result.failures)} failed"
    )
    return 1 if result.failures else 0


if __name__ == "__main__":
    cli.run(main)
