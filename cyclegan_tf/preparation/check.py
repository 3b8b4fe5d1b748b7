"""Check of every image of a data set before training."""

import os
from collections.abc import Mapping
from pathlib import Path

from cyclegan_tf.data.picture_files import has_folder, open_folder
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError
from cyclegan_tf.preparation.findings import DomainContent, Findings, Place, groups, judge
from cyclegan_tf.preparation.fingerprints import Fingerprint, fingerprint, near_pairs
from cyclegan_tf.preparation.parallel import in_order

DOMAINS = ("trainA", "trainB", "testA", "testB")


def domain_folders(data: Path, other: Path | None = None) -> dict[str, Path]:
    """Find the domains of a data set.

    Args:
        data: A folder with trainA and so on, or a folder of images.
        other: The other domain's folder of images, if `data` is a folder of images.

    Returns:
        Folders by the names in `DOMAINS`, including required ones that do not exist.

    Raises:
        UserError: If a folder does not exist, or `other` is given although `data` has domains.
    """
    for folder in (data, other):
        if folder is not None and not has_folder(folder):
            raise UserError(f"{folder} is not a folder; expected images, or trainA and so on")
    if not any(has_folder(data / name) for name in DOMAINS):
        return {"trainA": data} | ({"trainB": other} if other else {})
    if other:
        raise UserError(f"{data} holds both domains already; remove `other={other}`")
    there = [name for name in DOMAINS if has_folder(data / name)]
    # Training needs both domains; the test split needs both or neither.
    needed = {"trainA", "trainB"} | ({"testA", "testB"} if {"testA", "testB"} & {*there} else set())
    return {name: data / name for name in DOMAINS if name in needed}


def check(folders: Mapping[str, Path], crop_size: int = 256, progress: bool = True) -> Findings:
    """Check every image of a data set.

    Args:
        folders: Folders by the names in `DOMAINS`, packed or not; a missing one counts as empty.
        crop_size: Side in pixels; smaller images are reported.
        progress: Whether to show progress bars.

    Returns:
        The findings. Memory use is about 1.5 kB per image, because no pixels are kept.
    """
    domains = {name: _look(name, folder, progress) for name, folder in folders.items()}
    found = Findings(domains, _same(domains), _near(domains))
    judge(found, crop_size)
    return found


def _look(name: str, folder: Path, progress: bool) -> DomainContent:
    if not has_folder(folder):
        return DomainContent(folder, folder.joinpath, {}, {}, ignored=0)
    files = open_folder(folder)

    def attempt(image: str) -> Fingerprint | str:
        try:
            return fingerprint(files.encoded(image))
        except UnreadableImageError as error:
            return str(error)
        except OSError as error:  # No permission, or deleted meanwhile.
            return f"{folder / image}: {error.strerror}"

    outcomes = in_order(attempt, files.names, f"reading {name}", len(files.names), progress)
    pairs = list(zip(files.names, outcomes, strict=True))
    return DomainContent(
        folder,
        files.encoded,
        {image: found for image, found in pairs if isinstance(found, Fingerprint)},
        {image: reason for image, reason in pairs if isinstance(reason, str)},
        files.ignored,
    )


def _same(domains: Mapping[str, DomainContent]) -> list[list[Place]]:
    return groups(
        {
            (name, image): found.pixel_digest
            for name, content in domains.items()
            for image, found in content.prints.items()
        }
    )


def _near(domains: Mapping[str, DomainContent]) -> list[tuple[Place, Place]]:
    """Find near duplicates within A and within B, over training and test images together.

    A and B may be alike on purpose, such as images and sharpened copies, and are not compared.
    """
    pairs = []
    for letter in "AB":
        # One image represents all images of its folder with the same pixels.
        distinct = {
            (name, found.pixel_digest): (name, image)
            for name, content in domains.items()
            if name.endswith(letter)
            for image, found in content.prints.items()
        }
        places = list(distinct.values())
        prints = [domains[name].prints[image] for name, image in places]
        for one, other in near_pairs(prints):
            if prints[one].pixel_digest != prints[other].pixel_digest:
                pairs.append((places[one], places[other]))
    return pairs


def default_output(data: Path) -> Path:
    """Return the default folder of the report: next to the data."""
    full = Path(os.path.normpath(data.absolute()))
    return full.with_name(f"{full.name}_check")
