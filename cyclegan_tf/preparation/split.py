"""One collection of pictures becomes two domains, each with pictures for training and the test."""

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
    """What was written.

    Attributes:
        counts: Pictures by folder, `trainA` and so on.
        unreadable: Pictures that were left out, with the reason.
        contradictory: Pictures that were left out because they are in both domains.
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
    """Writes trainA, trainB and, unless its share is 0, testA and testB.

    Files are copied as they are. Which are for the test depends on their pixels and the seed, so
    that all copies of a picture come to one side, and what is added later moves few others.
    A picture that is in A and in B with the same pixels is left out.

    Args:
        collection: The pictures.
        output: A new folder, which appears whole or not at all.
        options: What tells the domains apart, and how they are divided.
        progress: Whether to show a bar.

    Raises:
        UserError: If an attribute is unknown, a domain stays empty, more than a quarter of the
            pictures is unreadable, or `output` is there already.
        OSError: If it cannot be written.
    """
    options = options.validate()
    for name in (options.attribute, *options.conditions):
        if name not in collection.attributes:
            raise UserError(
                f"there is no attribute {name}; there are: {', '.join(collection.attributes)}"
            )
    with new_folder(output) as folder:
        kept, unreadable = _copy(collection, folder, options, progress)
        if len(unreadable) > MAX_LOST_FRACTION * (len(kept) + len(unreadable)):
            raise UserError(
                f"too many pictures are unreadable, {len(unreadable)} of "
                f"{len(kept) + len(unreadable)}: {some(unreadable)}"
            )
        both = set.intersection(*({p.digest for p in kept if p.domain == name} for name in "AB"))
        contradictory = [picture for picture in kept if picture.digest in both]
        for picture in contradictory:
            (folder / picture.domain / picture.name).unlink()
        counts = _divide(folder, [p for p in kept if p.digest not in both], options)
    return Split(counts, unreadable, [picture.name for picture in contradictory])


def _copy(
    collection: Collection, folder: Path, options: SplitOptions, progress: bool
) -> tuple[list[_Kept], list[str]]:
    """Copies the readable pictures to the folders A and B; says why others are left out."""

    def keep(chosen: tuple[str, Described]) -> _Kept | str | None:
        domain, picture = chosen
        if not domain:
            return None
        try:
            encoded = picture.read_bytes()
            digest = pixel_digest(read_image(encoded))
        except (UnreadableImageError, OSError) as error:
            return f"{picture.name}: {error}"
        target = folder / domain / picture.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encoded)
        return _Kept(domain, picture.name, digest)

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
    """Gives each picture with its domain, or with "" if it belongs to none."""
    domains = dict(zip(options.value_pair, "AB", strict=True))
    counts = Counter[str]()
    for picture in collection.pictures:
        if all(counts[domain] == options.max_images for domain in "AB"):
            return
        domain = domains.get(picture.attributes[options.attribute], "")
        holds = options.conditions.items() <= picture.attributes.items()
        if not holds or counts[domain] == options.max_images:
            domain = ""
        counts[domain] += 1
        yield domain, picture


def _divide(folder: Path, kept: list[_Kept], options: SplitOptions) -> dict[str, int]:
    """Moves the pictures of A and B to training and test."""
    counts = {}
    for domain in "AB":
        pictures = [picture for picture in kept if picture.domain == domain]
        for_test = _for_test(pictures, options)
        sides = {"train": [p for p in pictures if p.digest not in for_test]}
        if options.test_fraction:
            sides["test"] = [p for p in pictures if p.digest in for_test]
        for side, members in sides.items():
            if not members:
                raise UserError(
                    f"{side}{domain} would hold no picture: of {len(pictures)} pictures with "
                    f"{options.attribute}={options.value_pair['AB'.index(domain)]}"
                    + (f" and {options.where}" if options.where else "")
                    + f", a share of {options.test_fraction} is for the test"
                )
            for picture in members:
                target = folder / f"{side}{domain}" / picture.name
                target.parent.mkdir(parents=True, exist_ok=True)
                (folder / domain / picture.name).rename(target)
            counts[f"{side}{domain}"] = len(members)
        shutil.rmtree(folder / domain)
    return counts


def _for_test(pictures: list[_Kept], options: SplitOptions) -> set[bytes]:
    """Draws pictures, all copies of one together, until they are as many as wanted."""
    wanted = round(options.test_fraction * len(pictures))
    copies = Counter(picture.digest for picture in pictures)
    seed = options.seed.to_bytes(4, "big")
    drawn: set[bytes] = set()
    for digest in sorted(copies, key=lambda digest: hashlib.sha256(seed + digest).digest()):
        if wanted <= 0:
            break
        drawn.add(digest)
        wanted -= copies[digest]
    return drawn
