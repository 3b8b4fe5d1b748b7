"""Check and prepare data sets.

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
    """Run a subcommand.

    Args:
        arguments: The program's name, the subcommand's name, then its flags.

    Returns:
        The subcommand's exit status.
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
    """Check the images of a data set before training.

    Exits with status 1 if training would fail or its metrics would be wrong: a domain is empty,
    more than a quarter of it is unreadable, or test images are also training images.

        python -m cyclegan_tf.prepare check photos
    """
    line = cli.CommandLine(COMMANDS["check"].__doc__)
    line.add("data", str, "", "Folder with trainA, trainB, ...; or folder of one domain's images.")
    line.add("other", str, "", "Folder of the other domain's images, if data is one domain.")
    line.add("crop_size", int, 256, "Side of the training crops, in pixels.")
    line.add("output", str, "", "Folder for the report and contact sheets (default: DIR_check).")
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
    """Split a collection of images by an attribute into two domains, each with a test split.

    python -m cyclegan_tf.prepare split tfds:celeb_a --attribute=Blond_Hair --output=hair
    """
    line = cli.CommandLine(COMMANDS["split"].__doc__)
    line.add("data", str, "", "Folder of images, or tfds:NAME.")
    line.add("attributes", str, "", "CSV file with a header: relative path, then attributes.")
    line.add("output", str, "", "New folder for trainA, trainB, testA and testB.")
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
        print(f"skipped, in both A and B: {', '.join(done.contradictory)}", file=sys.stderr)
    print(f"{output}: {', '.join(f'{name} {count}' for name, count in done.counts.items())}")
    return 0


def faces(arguments: Sequence[str]) -> int:
    """Crop faces from images; exits with status 1 if an image could not be read.

    python -m cyclegan_tf.prepare faces illustrations --detector=anime --output=anime_faces
    """
    line = cli.CommandLine(COMMANDS["faces"].__doc__)
    line.add("data", str, "", "Folder of images.")
    line.add("output", str, "", "Folder for the crops; an interrupted run resumes.")
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
        f"{output}: {done.counts['written']} faces of {done.pictures} images; skipped: "
        f"{done.counts['too small']} too small, {done.counts['repeated']} duplicates; "
        f"{len(done.without)} images without a face, {len(done.failures)} unreadable, "
        f"{done.skipped} done before"
    )
    return 1 if done.failures else 0


def fetch(arguments: Sequence[str]) -> int:
    """Download and unpack a CycleGAN data set, or any zip file with trainA and trainB.

    Names: apple2orange, cezanne2photo, cityscapes, facades, horse2zebra, iphone2dslr_flower,
    maps, monet2photo, summer2winter_yosemite, ukiyoe2photo, vangogh2photo.

        python -m cyclegan_tf.prepare fetch horse2zebra --output=horse2zebra
    """
    line = cli.CommandLine(COMMANDS["fetch"].__doc__)
    line.add("output", str, "", "New folder.")
    line.add_options(FetchOptions(), "Fetch options")
    line.parse(arguments, "name")
    output, options = Path(line.required("output")), line.options(FetchOptions())

    cli.import_tensorflow()
    from cyclegan_tf.preparation.fetch import fetch

    counts = fetch(output, options)
    print(f"{output}: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return 0


def pack(arguments: Sequence[str]) -> int:
    """Pack the files of a data set, unchanged, into a few large files that --data accepts.

    python -m cyclegan_tf.prepare pack photos --output=photos_packed
    """
    line = cli.CommandLine(COMMANDS["pack"].__doc__)
    line.add("data", str, "", "Folder with trainA, trainB, ...; or with train, of pairs A|B.")
    line.add("output", str, "", "New folder.")
    line.add_options(PackOptions(), "Pack options")
    line.parse(arguments, "data")
    data, output = Path(line.required("data")), Path(line.required("output"))
    options = line.options(PackOptions())

    cli.import_tensorflow()
    from cyclegan_tf.preparation.pack import pack

    done = pack(data, output, options)
    for reason in done.unreadable:
        print(f"skipped {reason}", file=sys.stderr)
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
