"""Looking into every picture of a data set before training does."""

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
    """Finds the domains of a data set.

    Args:
        data: A folder with trainA and so on, or else one of pictures.
        other: The other domain's folder of pictures, if `data` is one of pictures.

    Returns:
        Folders by the names in `DOMAINS`; missing ones of trainA and trainB, too.

    Raises:
        UserError: If there is no such folder, or `other` is given beside a whole data set.
    """
    for folder in (data, other):
        if folder is not None and not has_folder(folder):
            raise UserError(f"{folder} is no folder; expected one of pictures, or with trainA, ...")
    if not any(has_folder(data / name) for name in DOMAINS):
        return {"trainA": data} | ({"trainB": other} if other else {})
    if other:
        raise UserError(f"{data} holds both domains already, so `other={other}` says too much")
    there = [name for name in DOMAINS if has_folder(data / name)]
    # Training needs both; the test needs both or none.
    needed = {"trainA", "trainB"} | ({"testA", "testB"} if {"testA", "testB"} & {*there} else set())
    return {name: data / name for name in DOMAINS if name in needed}


def check(folders: Mapping[str, Path], crop_size: int = 256, progress: bool = True) -> Findings:
    """Looks into every picture of a data set.

    Args:
        folders: By the names in `DOMAINS`, packed or not; a missing folder counts as empty.
        crop_size: Smaller pictures are pointed out, in pixels.
        progress: Whether to show bars.

    Returns:
        What was found; about 1.5 kB a picture are kept meanwhile, and no pixels.
    """
    domains = {name: _look(name, folder, progress) for name, folder in folders.items()}
    found = Findings(domains, _same(domains), _near(domains))
    judge(found, crop_size)
    return found


def _look(name: str, folder: Path, progress: bool) -> DomainContent:
    if not has_folder(folder):
        return DomainContent(folder, folder.joinpath, {}, {}, ignored=0)
    files = open_folder(folder)

    def attempt(picture: str) -> Fingerprint | str:
        try:
            return fingerprint(files.encoded(picture))
        except UnreadableImageError as error:
            return str(error)
        except OSError as error:  # No permission, or gone meanwhile.
            return f"{folder / picture}: {error.strerror}"

    outcomes = in_order(attempt, files.names, f"reading {name}", len(files.names), progress)
    pairs = list(zip(files.names, outcomes, strict=True))
    return DomainContent(
        folder,
        files.encoded,
        {picture: found for picture, found in pairs if isinstance(found, Fingerprint)},
        {picture: reason for picture, reason in pairs if isinstance(reason, str)},
        files.ignored,
    )


def _same(domains: Mapping[str, DomainContent]) -> list[list[Place]]:
    return groups(
        {
            (name, picture): found.pixel_digest
            for name, content in domains.items()
            for picture, found in content.prints.items()
        }
    )


def _near(domains: Mapping[str, DomainContent]) -> list[tuple[Place, Place]]:
    """Compares what should differ: within A, and within B, training and test together.

    Between A and B, likeness may be wanted, as of pictures and their sharpened selves.
    """
    pairs = []
    for letter in "AB":
        # One of those with the same pixels stands for all in its folder.
        distinct = {
            (name, found.pixel_digest): (name, picture)
            for name, content in domains.items()
            if name.endswith(letter)
            for picture, found in content.prints.items()
        }
        places = list(distinct.values())
        prints = [domains[name].prints[picture] for name, picture in places]
        for one, other in near_pairs(prints):
            if prints[one].pixel_digest != prints[other].pixel_digest:
                pairs.append((places[one], places[other]))
    return pairs


def default_output(data: Path) -> Path:
    """Where a report goes if nothing is said: beside the data."""
    full = Path(os.path.normpath(data.absolute()))
    return full.with_name(f"{full.name}_check")
