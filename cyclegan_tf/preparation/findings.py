"""What a check found in a data set, and what of that would harm training."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.data.folder_source import MAX_LOST_FRACTION, some
from cyclegan_tf.preparation.fingerprints import Fingerprint

# Of counts and of sizes of A and B; with more, the domains differ in what is not their content.
_MAX_IMBALANCE, _MAX_SIZE_RATIO = 10.0, 2.0


@dataclass(frozen=True)
class DomainContent:
    """What one folder holds.

    Attributes:
        folder: Where it is.
        encoded: Gives a picture's file, or what it holds, by name.
        prints: The readable pictures by name, sorted.
        unreadable: The others by name, with the reason.
        ignored: How many files are no pictures by their suffix.
    """

    folder: Path
    encoded: Callable[[str], Path | bytes]
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
class Findings:
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

    def encoded(self, place: Place) -> Path | bytes:
        """Gives a picture's file, or what it holds."""
        return self.domains[place[0]].encoded(place[1])

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
        return groups(digests)


def groups(digests: Mapping[Place, bytes]) -> list[list[Place]]:
    """Puts places of one digest together, where there are several."""
    together: dict[bytes, list[Place]] = defaultdict(list)
    for place, digest in digests.items():
        together[digest].append(place)
    return [group for group in together.values() if len(group) > 1]


def judge(found: Findings, crop_size: int) -> None:
    """Fills in the errors and warnings.

    Args:
        found: What was found otherwise.
        crop_size: Smaller pictures are pointed out, in pixels.
    """
    _judge_domains(found, crop_size)
    _judge_leaks(found)
    _judge_balance(found)


def _judge_domains(found: Findings, crop_size: int) -> None:
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


def _judge_leaks(found: Findings) -> None:
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


def _judge_balance(found: Findings) -> None:
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
