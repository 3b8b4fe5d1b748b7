"""What the domains of a data set hold, and what of that would harm training."""

import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.data.folder_source import MAX_LOST_FRACTION, some
from cyclegan_tf.errors import UserError
from cyclegan_tf.images import UnreadableImageError, find_images
from cyclegan_tf.preparation.fingerprints import Fingerprint, fingerprint, near_pairs
from cyclegan_tf.preparation.parallel import in_order

DOMAINS = ("trainA", "trainB", "testA", "testB")
# Of counts and of sizes of A and B; with more, the domains differ in what is not their content.
_MAX_IMBALANCE, _MAX_SIZE_RATIO = 10.0, 2.0


@dataclass(frozen=True)
class DomainContent:
    """What one folder holds.

    Attributes:
        folder: Where it is.
        prints: The readable pictures by name, sorted.
        unreadable: The others by name, with the reason.
        ignored: How many files are no pictures by their suffix.
    """

    folder: Path
    prints: dict[str, Fingerprint]
    unreadable: dict[str, str]
    ignored: int

    @property
    def grey(self) -> list[str]:
        """Names of the pictures without colours."""
        return [name for name, found in self.prints.items() if found.is_grey]

    def smaller_than(self, side: int) -> list[str]:
        """Names of the pictures with a side below so many pixels."""
        return [n for n, found in self.prints.items() if min(found.height, found.width) < side]

    def facts(self) -> dict[str, Any]:
        """Returns counts, modes, and the least, median and largest size, as JSON can hold them."""
        heights, widths = (
            [getattr(found, side) for found in self.prints.values()] for side in ("height", "width")
        )
        return {
            "folder": str(self.folder),
            "pictures": len(self.prints),
            "other_files": self.ignored,
            "height": _spread(heights),
            "width": _spread(widths),
            "modes": dict(Counter(found.mode for found in self.prints.values())),
            "grey": self.grey,
            "unreadable": self.unreadable,
        }


def _spread(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {}
    return {
        "minimum": min(values),
        "median": float(np.median(values)),
        "maximum": max(values),
    }


Place = tuple[str, str]  # A domain's name and a picture's.


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes:
        domains: By name, `trainA` and so on.
        same: Groups of pictures with the same pixels.
        near: Pairs that look the same, of one letter (A or B), not of the same pixels.
        errors: What training would stop at, or give wrong figures by.
        warnings: What may harm it.
    """

    domains: Mapping[str, DomainContent]
    same: list[list[Place]]
    near: list[tuple[Place, Place]]
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def path(self, place: Place) -> Path:
        """Where a picture lies."""
        return self.domains[place[0]].folder / place[1]

    def facts(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""

        def said(place: Place) -> str:
            return "/".join(place)

        return {
            "domains": {name: content.facts() for name, content in self.domains.items()},
            "same": [[said(place) for place in group] for group in self.same],
            "same_bytes": [[said(p) for p in group] for group in self._same_bytes()],
            "near": [[said(one), said(other)] for one, other in self.near],
            "errors": self.errors,
            "warnings": self.warnings,
        }

    def _same_bytes(self) -> list[list[Place]]:
        digests = {
            place: self.domains[place[0]].prints[place[1]].file_digest
            for group in self.same
            for place in group
        }
        return _groups(digests)


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
        if folder is not None and not folder.is_dir():
            raise UserError(f"{folder} is no folder; expected one of pictures, or with trainA, ...")
    if not any((data / name).is_dir() for name in DOMAINS):
        return {"trainA": data} | ({"trainB": other} if other else {})
    if other:
        raise UserError(f"{data} holds both domains already, so --other={other} says too much")
    there = [name for name in DOMAINS if (data / name).is_dir()]
    # Training needs both; the test needs both or none.
    needed = {"trainA", "trainB"} | ({"testA", "testB"} if {"testA", "testB"} & {*there} else set())
    return {name: data / name for name in DOMAINS if name in needed}


def check(folders: Mapping[str, Path], crop_size: int = 256, progress: bool = True) -> Check:
    """Looks into every picture of a data set.

    Args:
        folders: By the names in `DOMAINS`; a missing folder counts as empty.
        crop_size: Smaller pictures are pointed out, in pixels.
        progress: Whether to show bars.

    Returns:
        What was found; about 1.5 kB a picture are kept meanwhile, and no pixels.
    """
    domains = {name: _look(name, folder, progress) for name, folder in folders.items()}
    found = Check(domains, _same(domains), _near(domains))
    _judge_domains(found, crop_size)
    _judge_leaks(found)
    _judge_balance(found)
    return found


def _look(name: str, folder: Path, progress: bool) -> DomainContent:
    names, ignored = find_images(folder) if folder.is_dir() else ([], 0)

    def attempt(picture: str) -> Fingerprint | str:
        try:
            return fingerprint(folder / picture)
        except UnreadableImageError as error:
            return str(error)
        except OSError as error:  # No permission, or gone meanwhile.
            return f"{folder / picture}: {error.strerror}"

    outcomes = in_order(attempt, names, f"reading {name}", len(names), progress)
    pairs = list(zip(names, outcomes, strict=True))
    return DomainContent(
        folder,
        {picture: found for picture, found in pairs if isinstance(found, Fingerprint)},
        {picture: reason for picture, reason in pairs if isinstance(reason, str)},
        ignored,
    )


def _groups(digests: Mapping[Place, bytes]) -> list[list[Place]]:
    groups: dict[bytes, list[Place]] = defaultdict(list)
    for place, digest in digests.items():
        groups[digest].append(place)
    return [group for group in groups.values() if len(group) > 1]


def _same(domains: Mapping[str, DomainContent]) -> list[list[Place]]:
    return _groups(
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


def _judge_domains(found: Check, crop_size: int) -> None:
    for name, content in found.domains.items():
        total = len(content.prints) + len(content.unreadable)
        bad = some(list(content.unreadable))
        if not content.prints:
            found.errors.append(f"{name}: no readable picture in {content.folder}")
        elif len(content.unreadable) > MAX_LOST_FRACTION * total:
            share = f"{len(content.unreadable)} of {total} pictures"
            found.errors.append(f"{name}: {share} are unreadable, more than a quarter: {bad}")
        elif content.unreadable:
            found.warnings.append(f"{name}: {len(content.unreadable)} unreadable pictures: {bad}")
        if content.grey and len(content.grey) < len(content.prints):
            grey = f"{len(content.grey)} grey pictures among coloured ones"
            found.warnings.append(f"{name}: {grey}: {some(content.grey)}")
        if small := content.smaller_than(crop_size):
            found.warnings.append(
                f"{name}: {len(small)} of {len(content.prints)} pictures have a side below "
                f"--crop_size={crop_size} and would be enlarged"
            )


def _judge_leaks(found: Check) -> None:
    def split(place: Place) -> str:
        return place[0][:-1]

    leaks = [group for group in found.same if len({split(place) for place in group}) > 1]
    if leaks:
        found.errors.append(
            f"{len(leaks)} pictures are both in training and in the test: "
            + some(["/".join(place) for group in leaks for place in group])
        )
    both = [g for g in found.same if {"trainA", "trainB"} <= {name for name, _ in g}]
    if both:
        found.warnings.append(
            f"{len(both)} pictures are in A and in B: {some(['/'.join(g[0]) for g in both])}"
        )
    for name in found.domains:
        groups = [[p for p in group if p[0] == name] for group in found.same]
        if extra := sum(len(group) - 1 for group in groups if group):
            found.warnings.append(f"{name}: {extra} pictures repeat others of the same pixels")
        if inside := sum(one[0] == other[0] == name for one, other in found.near):
            found.warnings.append(f"{name}: {inside} pairs of pictures look the same")
    if across := [pair for pair in found.near if split(pair[0]) != split(pair[1])]:
        pairs = [f"{'/'.join(one)} and {'/'.join(other)}" for one, other in across]
        found.warnings.append(
            f"{len(across)} pairs of a training and a test picture look the same: {some(pairs)}"
        )


def _judge_balance(found: Check) -> None:
    for one, other in itertools.combinations(found.domains, 2):
        a, b = (found.domains[name].prints.values() for name in (one, other))
        if one[:-1] != other[:-1] or not a or not b:
            continue
        counts = sorted((len(a), len(b)))
        if one == "trainA" and counts[1] > _MAX_IMBALANCE * counts[0]:
            found.warnings.append(
                f"{one} and {other}: {len(a)} and {len(b)} pictures, so those of the smaller are "
                f"shown {counts[1] / counts[0]:.0f} times as often"
            )
        sides = sorted(_median_side([*prints]) for prints in (a, b))
        if sides[1] > _MAX_SIZE_RATIO * sides[0]:
            found.warnings.append(
                f"{one} and {other}: shorter sides of {sides[0]:.0f} and {sides[1]:.0f} px in the "
                "median; sharpness alone may tell the domains apart"
            )


def _median_side(prints: Sequence[Fingerprint]) -> float:
    return float(np.median([min(found.height, found.width) for found in prints]))


def default_output(data: Path) -> Path:
    """Where a report goes if nothing is said: beside the data."""
    full = Path(os.path.normpath(data.absolute()))
    return full.with_name(f"{full.name}_check")
