"""Splitting a collection of images into two domains, each with training and test images."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclegan_tf.data.folder_source import MAX_LOST_FRACTION, some
from cyclegan_tf.errors import UserError
from cyclegan_tf.files import new_folder
from cyclegan_tf.images.images import UnreadableImageError, read_image
from cyclegan_tf.preparation.attributes import Collection, Described
from cyclegan_tf.preparation.fingerprints import pixel_digest
from cyclegan_tf.preparation.options import SplitOptions
from cyclegan_tf.preparation.parallel import in_order


@dataclass(frozen=True)
class Split:
    """The results of `split_collection`.

    Attributes:
        counts: Number of images by folder, `trainA` and so on.
        unreadable: Unreadable images, which were skipped, with the error.
        contradictory: Names of images that were skipped because both domains contain them.
    """

    counts: dict[str, int]
    unreadable: list[str]
    contradictory: list[str]


@dataclass(frozen=True)
class _Kept:
    domain: str
    name: str
    digest: bytes


def split_collection(
    collection: Collection, output: Path, options: SplitOptions, progress: bool = True
) -> Split:
    """Write trainA, trainB and, unless `test_fraction` is 0, testA and testB.

    Files are copied unchanged. The test split depends only on pixels and seed, so all copies of an
    image are in the same split, and adding images later moves few others. Images that occur in A
    and B with the same pixels are skipped.

    Args:
        collection: The images.
        output: New folder, created atomically.
        options: The definition of the domains, and the size of the test split.
        progress: Whether to show a progress bar.

    Raises:
        UserError: If an attribute is unknown, a domain would be empty, more than a quarter of the
            images are unreadable, or `output` already exists.
        OSError: If a file cannot be written.
    """
    options = options.validate()
    for name in (options.attribute, *options.conditions):
        if name not in collection.attributes:
            raise UserError(
                f"unknown attribute {name}; choose one of: {', '.join(collection.attributes)}"
            )
    with new_folder(output) as folder:
        kept, unreadable = _copy(collection, folder, options, progress)
        if len(unreadable) > MAX_LOST_FRACTION * (len(kept) + len(unreadable)):
            raise UserError(
                f"too many images are unreadable, {len(unreadable)} of "
                f"{len(kept) + len(unreadable)}: {some(unreadable)}"
            )
        both = set.intersection(*({p.digest for p in kept if p.domain == name} for name in "AB"))
        contradictory = [image for image in kept if image.digest in both]
        for image in contradictory:
            (folder / image.domain / image.name).unlink()
        counts = _divide(folder, [p for p in kept if p.digest not in both], options)
    return Split(counts, unreadable, [image.name for image in contradictory])


def _copy(
    collection: Collection, folder: Path, options: SplitOptions, progress: bool
) -> tuple[list[_Kept], list[str]]:
    """Copy the readable images to folders A and B, and return them, and errors for the others."""

    def keep(chosen: tuple[str, Described]) -> _Kept | str | None:
        domain, image = chosen
        if not domain:
            return None
        try:
            encoded = image.read_bytes()
            digest = pixel_digest(read_image(encoded))
        except (UnreadableImageError, OSError) as error:
            return f"{image.name}: {error}"
        target = folder / domain / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encoded)
        return _Kept(domain, image.name, digest)

    kept: list[_Kept] = []
    unreadable: list[str] = []
    chosen = _choose(collection, options)
    for outcome in in_order(keep, chosen, "splitting", collection.count or None, progress):
        if isinstance(outcome, str):
            unreadable.append(outcome)
        elif outcome is not None:
            kept.append(outcome)
    return kept, unreadable


def _choose(collection: Collection, options: SplitOptions) -> Iterator[tuple[str, Described]]:
    """Yield each image with its domain, or with "" if it belongs to neither."""
    domains = dict(zip(options.value_pair, "AB", strict=True))
    counts = Counter[str]()
    for image in collection.pictures:
        if all(counts[domain] == options.max_images for domain in "AB"):
            return
        domain = domains.get(image.attributes[options.attribute], "")
        holds = options.conditions.items() <= image.attributes.items()
        if not holds or counts[domain] == options.max_images:
            domain = ""
        counts[domain] += 1
        yield domain, image


def _divide(folder: Path, kept: list[_Kept], options: SplitOptions) -> dict[str, int]:
    """Move the images of A and B to their training and test folders."""
    counts = {}
    for domain in "AB":
        images = [image for image in kept if image.domain == domain]
        for_test = _for_test(images, options)
        sides = {"train": [p for p in images if p.digest not in for_test]}
        if options.test_fraction:
            sides["test"] = [p for p in images if p.digest in for_test]
        for side, members in sides.items():
            if not members:
                raise UserError(
                    f"{side}{domain} would be empty: of {len(images)} images with "
                    f"{options.attribute}={options.value_pair['AB'.index(domain)]}"
                    + (f" and {options.where}" if options.where else "")
                    + f", `test_fraction={options.test_fraction}` is held out"
                )
            for image in members:
                target = folder / f"{side}{domain}" / image.name
                target.parent.mkdir(parents=True, exist_ok=True)
                (folder / domain / image.name).rename(target)
            counts[f"{side}{domain}"] = len(members)
        shutil.rmtree(folder / domain)
    return counts


def _for_test(images: list[_Kept], options: SplitOptions) -> set[bytes]:
    """Select the images of the test split by their digests; copies stay together."""
    wanted = round(options.test_fraction * len(images))
    copies = Counter(image.digest for image in images)
    seed = options.seed.to_bytes(4, "big")
    drawn: set[bytes] = set()
    for digest in sorted(copies, key=lambda digest: hashlib.sha256(seed + digest).digest()):
        if wanted <= 0:
            break
        drawn.add(digest)
        wanted -= copies[digest]
    return drawn
