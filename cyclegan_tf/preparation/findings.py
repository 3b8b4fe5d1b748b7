"""Findings of a check of a data set, with the errors and warnings derived from them."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.data.folder_source import MAX_LOST_FRACTION, some
from cyclegan_tf.preparation.fingerprints import Fingerprint

# Maximum ratios of counts and sizes of A and B; beyond them, not only the content differs.
_MAX_IMBALANCE, _MAX_SIZE_RATIO = 10.0, 2.0


@dataclass(frozen=True)
class DomainContent:
    """The content of one domain.

    Attributes:
        folder: The domain's folder.
        encoded: Returns an image's path or encoded bytes, by name.
        prints: Fingerprints of the readable images by name, sorted.
        unreadable: Errors of the unreadable images, by name.
        ignored: Number of files without an image suffix.
    """

    folder: Path
    encoded: Callable[[str], Path | bytes]
    prints: dict[str, Fingerprint]
    unreadable: dict[str, str]
    ignored: int

    @property
    def grey(self) -> list[str]:
        """Names of the grey images."""
        return [name for name, found in self.prints.items() if found.is_grey]

    def smaller_than(self, side: int) -> list[str]:
        """Return the names of images whose shorter side is below `side` pixels."""
        return [n for n, found in self.prints.items() if min(found.height, found.width) < side]

    def facts(self) -> dict[str, Any]:
        """Return counts, modes, and minimum, median and maximum sizes, for JSON."""
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


Place = tuple[str, str]  # A domain's name and an image's.


@dataclass(frozen=True)
class Findings:
    """The findings of a check.

    Attributes:
        domains: Contents by domain name, `trainA` and so on.
        same: Groups of images with the same pixels.
        near: Near duplicates: pairs within A or within B that look the same, with other pixels.
        errors: Problems that would stop training or make its metrics wrong.
        warnings: Problems that may harm training.
    """

    domains: Mapping[str, DomainContent]
    same: list[list[Place]]
    near: list[tuple[Place, Place]]
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def encoded(self, place: Place) -> Path | bytes:
        """Return an image's path or encoded bytes."""
        return self.domains[place[0]].encoded(place[1])

    def facts(self) -> dict[str, Any]:
        """Return all findings, for JSON."""

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
    """Return groups of places with the same digest, of two or more."""
    together: dict[bytes, list[Place]] = defaultdict(list)
    for place, digest in digests.items():
        together[digest].append(place)
    return [group for group in together.values() if len(group) > 1]


def judge(found: Findings, crop_size: int) -> None:
    """Fill in the errors and warnings.

    Args:
        found: The other findings.
        crop_size: Side in pixels; smaller images are reported.
    """
    _judge_domains(found, crop_size)
    _judge_leaks(found)
    _judge_balance(found)


def _judge_domains(found: Findings, crop_size: int) -> None:
    for name, content in found.domains.items():
        total = len(content.prints) + len(content.unreadable)
        bad = some(list(content.unreadable))
        if not content.prints:
            found.errors.append(f"{name}: no readable image in {content.folder}")
        elif len(content.unreadable) > MAX_LOST_FRACTION * total:
            share = f"{len(content.unreadable)} of {total} images"
            found.errors.append(f"{name}: {share} are unreadable, more than a quarter: {bad}")
        elif content.unreadable:
            found.warnings.append(f"{name}: {len(content.unreadable)} unreadable images: {bad}")
        if content.grey and len(content.grey) < len(content.prints):
            grey = f"{len(content.grey)} grey images among coloured ones"
            found.warnings.append(f"{name}: {grey}: {some(content.grey)}")
        if small := content.smaller_than(crop_size):
            found.warnings.append(
                f"{name}: {len(small)} of {len(content.prints)} images have a side below "
                f"--crop_size={crop_size} and would be enlarged"
            )


def _judge_leaks(found: Findings) -> None:
    def split(place: Place) -> str:
        return place[0][:-1]

    leaks = [group for group in found.same if len({split(place) for place in group}) > 1]
    if leaks:
        found.errors.append(
            f"{len(leaks)} images are in both training and test: "
            + some(["/".join(place) for group in leaks for place in group])
        )
    both = [g for g in found.same if {"trainA", "trainB"} <= {name for name, _ in g}]
    if both:
        found.warnings.append(
            f"{len(both)} images are in both A and B: {some(['/'.join(g[0]) for g in both])}"
        )
    for name in found.domains:
        groups = [[p for p in group if p[0] == name] for group in found.same]
        if extra := sum(len(group) - 1 for group in groups if group):
            found.warnings.append(f"{name}: {extra} images are exact duplicates of others")
        if inside := sum(one[0] == other[0] == name for one, other in found.near):
            found.warnings.append(f"{name}: {inside} pairs of images are near duplicates")
    if across := [pair for pair in found.near if split(pair[0]) != split(pair[1])]:
        pairs = [f"{'/'.join(one)} and {'/'.join(other)}" for one, other in across]
        found.warnings.append(
            f"{len(across)} pairs of a training and a test image are near duplicates: {some(pairs)}"
        )


def _judge_balance(found: Findings) -> None:
    for one, other in itertools.combinations(found.domains, 2):
        a, b = (found.domains[name].prints.values() for name in (one, other))
        if one[:-1] != other[:-1] or not a or not b:
            continue
        counts = sorted((len(a), len(b)))
        if one == "trainA" and counts[1] > _MAX_IMBALANCE * counts[0]:
            found.warnings.append(
                f"{one} and {other}: {len(a)} and {len(b)} images, so each image of the smaller "
                f"domain is used {counts[1] / counts[0]:.0f} times as often"
            )
        sides = sorted(_median_side([*prints]) for prints in (a, b))
        if sides[1] > _MAX_SIZE_RATIO * sides[0]:
            found.warnings.append(
                f"{one} and {other}: median shorter sides of {sides[0]:.0f} and {sides[1]:.0f} px; "
                "sharpness alone may distinguish the domains"
            )


def _median_side(prints: Sequence[Fingerprint]) -> float:
    return float(np.median([min(found.height, found.width) for found in prints]))
