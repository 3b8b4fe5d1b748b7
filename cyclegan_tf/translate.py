"""Translates a picture or a folder of pictures with a trained run.

    python -m cyclegan_tf.translate --workdir=runs/quickstart --direction=a2b \\
        --input=photos --output=translated
"""

import sys
from collections.abc import Sequence

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError
from cyclegan_tf.options import EVAL_MODE


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The program's name, then the flags.

    Returns:
        The exit status: 0, or 1 if a picture could not be translated.
    """
    line = cli.CommandLine("Translates a picture or a folder of pictures with a trained run.")
    line.add("workdir", str, "", "Folder of the run.")
    line.add("direction", str, "a2b", "From which domain to which.", choices=("a2b", "b2a"))
    line.add("input", str, "", "A picture, or a folder of pictures.")
    line.add("output", str, "", "Folder for the translations; paths and stems are kept.")
    line.add("output_format", str, "png", "Format.", choices=("png", "jpg", "webp", "bmp"))
    line.add("side_by_side", str, "", "Folder for sheets of input and translation, if wanted.")
    line.add("eval_mode", bool, None, EVAL_MODE)
    line.parse(arguments)
    workdir, source, output = (line.required(name) for name in ("workdir", "input", "output"))

    cli.import_tensorflow()
    from cyclegan_tf.serving.translation import translate_files
    from cyclegan_tf.training.experiment import load_generators

    _, generators = load_generators(workdir, line["eval_mode"])
    if line["direction"] not in generators:
        raise UserError(
            f"--direction={line['direction']}: the run in {workdir} translates "
            f"{' and '.join(generators)} only"
        )
    result = translate_files(
        generators[line["direction"]],
        source,
        output,
        line["output_format"],
        line["side_by_side"] or None,
    )
    for reason in result.failures.values():
        print(f"skipped {reason}", file=sys.stderr)
    print(f"{result.written} translations in {output}, {len(result.failures)} failed")
    return 1 if result.failures else 0


if __name__ == "__main__":
    cli.run(main)
