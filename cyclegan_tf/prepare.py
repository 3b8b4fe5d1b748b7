"""Check and make data sets.

python -m cyclegan_tf.prepare check photos
python -m cyclegan_tf.prepare split tfds:celeb_a --attribute=Blond_Hair --output=hair
python -m cyclegan_tf.prepare faces illustrations --detector=anime --output=anime_faces
python -m cyclegan_tf.prepare fetch horse2zebra --output=horse2zebra
python -m cyclegan_tf.prepare pack photos --output=photos_packed
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError, suggestion
from cyclegan_tf.preparation.options import FaceOptions, FetchOptions, PackOptions, SplitOptions


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the sub-command that is named first.

    Args:
        arguments: The program's name, the sub-command's, then its flags.

    Returns:
        The sub-command's exit status.
    """
    name = arguments[1] if len(arguments) > 1 else ""
    if name in ("--help", "-h"):
        print(cli.CommandLine(__doc__).help(), "", "Subcommands:", sep="\n")
        for command, function in COMMANDS.items():
            summary = (function.__doc__ or "").partition("\n")[0]
            print(f"  {command:5}  {summary}")
        return 0
    if not name:
        raise UserError(f"missing subcommand; choose one of: {', '.join(COMMANDS)}")
    if name not in COMMANDS:
        raise UserError(f"unknown subcommand {name}{suggestion(name, COMMANDS)}")
    return COMMANDS[name](arguments[1:])


def check(arguments: Sequence[str]) -> int:
    """Check what the domains of a data set hold.

    Exits with 1 if training would fail or mislead: a domain is empty, a quarter of it is
    unreadable, or test images are among the training images.

        python -m cyclegan_tf.prepare check photos
    """
    line = cli.CommandLine(COMMANDS["check"].__doc__)
    line.add("data", str, "", "A folder with trainA, trainB, ...; or one domain's pictures.")
    line.add("other", str, "", "The other domain's folder, if the first is one of pictures.")
    line.add("crop_size", int, 256, "Size of the crops that networks will see, in pixels.")
    line.add("output", str, "", "Folder for report and sheets (default: DIR_check).")
    line.parse(arguments, "data")
    data, other = Path(line.required("data")), line["other"]
    if line["crop_size"] < 1:
        raise UserError(f"--crop_size={line['crop_size']}: expected at least 1")

    cli.import_tensorflow()
    from cyclegan_tf.preparation.check import check, default_output, domain_folders
    from cyclegan_tf.preparation.check_report import table, write_report

    folders = domain_folders(data, Path(other) if other else None)
    found = check(folders, line["crop_size"])
    written = write_report(Path(line["output"] or default_output(data)), found)
    print(table(found), *("", *written), sep="\n")
    return 1 if found.errors else 0


def split(arguments: Sequence[str]) -> int:
    """Divide a collection of images by an attribute into two domains, for training and test.

    python -m cyclegan_tf.prepare split tfds:celeb_a --attribute=Blond_Hair --output=hair
    """
    line = cli.CommandLine(COMMANDS["split"].__doc__)
    line.add("data", str, "", "A folder of pictures, or tfds:NAME.")
    line.add("attributes", str, "", "CSV file: paths in the folder, then attributes, with a head.")
    line.add("output", str, "", "A new folder for trainA, trainB, testA and testB.")
    line.add_options(SplitOptions(), "Split options")
    line.add_former(max_pictures="max_images")
    line.parse(arguments, "data")
    data, output = line.required("data"), Path(line.required("output"))
    options = line.options(SplitOptions())

    cli.import_tensorflow()
    from cyclegan_tf.preparation.attributes import open_collection
    from cyclegan_tf.preparation.split import split_collection

    done = split_collection(open_collection(data, line["attributes"]), output, options)
    for reason in done.unreadable:
        print(f"skipped {reason}", file=sys.stderr)
    if done.contradictory:
        print(f"left out, being in A and in B: {', '.join(done.contradictory)}", file=sys.stderr)
    print(f"{output}: {', '.join(f'{name} {count}' for name, count in done.counts.items())}")
    return 0


def faces(arguments: Sequence[str]) -> int:
    """Crop the faces in images to squares; exits with 1 if an image could not be read.

    python -m cyclegan_tf.prepare faces illustrations --detector=anime --output=anime_faces
    """
    line = cli.CommandLine(COMMANDS["faces"].__doc__)
    line.add("data", str, "", "A folder of pictures.")
    line.add("output", str, "", "Folder for the crops; goes on with one that was stopped.")
    line.add_options(FaceOptions(), "Face options")
    line.parse(arguments, "data")
    data, output = Path(line.required("data")), Path(line.required("output"))
    options = line.options(FaceOptions())

    cli.import_tensorflow()
    from cyclegan_tf.preparation.detectors import open_detector
    from cyclegan_tf.preparation.faces import crop_faces

    done = crop_faces(data, output, open_detector(options.detector), options)
    for reason in done.failures.values():
        print(f"skipped {reason}", file=sys.stderr)
    print(
        f"{output}: {done.counts['written']} faces of {done.pictures} pictures; left out: "
        f"{done.counts['too small']} too small, {done.counts['repeated']} there already; "
        f"{len(done.without)} pictures without a face, {len(done.failures)} unreadable, "
        f"{done.skipped} done before"
    )
    return 1 if done.failures else 0


def fetch(arguments: Sequence[str]) -> int:
    """Download and unpack a classic data set, or any zip file with trainA and trainB.

    The names are apple2orange, cezanne2photo, cityscapes, facades, horse2zebra, iphone2dslr_flower,
    maps, monet2photo, summer2winter_yosemite, ukiyoe2photo and vangogh2photo.

        python -m cyclegan_tf.prepare fetch horse2zebra --output=horse2zebra
    """
    line = cli.CommandLine(COMMANDS["fetch"].__doc__)
    line.add("output", str, "", "A new folder.")
    line.add_options(FetchOptions(), "Fetch options")
    line.parse(arguments, "name")
    output, options = Path(line.required("output")), line.options(FetchOptions())

    cli.import_tensorflow()
    from cyclegan_tf.preparation.fetch import fetch

    counts = fetch(output, options)
    print(f"{output}: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return 0


def pack(arguments: Sequence[str]) -> int:
    """Pack the files of a data set, unchanged, into a few large files that --data reads.

    python -m cyclegan_tf.prepare pack photos --output=photos_packed
    """
    line = cli.CommandLine(COMMANDS["pack"].__doc__)
    line.add("data", str, "", "A folder with trainA, trainB, ...; or with train, of pairs A|B.")
    line.add("output", str, "", "A new folder.")
    line.add_options(PackOptions(), "Pack options")
    line.parse(arguments, "data")
    data, output = Path(line.required("data")), Path(line.required("output"))
    options = line.options(PackOptions())

    cli.import_tensorflow()
    from cyclegan_tf.preparation.pack import pack

    done = pack(data, output, options)
    for reason in done.unreadable:
        print(f"left out {reason}", file=sys.stderr)
    counts = ", ".join(f"{name} {count}" for name, count in done.counts.items())
    print(f"{output}: {counts}, in {done.shards} files")
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "check": check,
    "split": split,
    "faces": faces,
    "fetch": fetch,
    "pack": pack,
}

if __name__ == "__main__":
    cli.run(main)
