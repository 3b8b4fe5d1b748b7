"""Square crops of the faces in a folder of images; an interrupted run resumes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import remove_partial_files, write_atomically
from cyclegan_tf.images.images import UnreadableImageError, encode_png, find_images, read_image
from cyclegan_tf.ledger import Ledger
from cyclegan_tf.preparation.detectors import Box, Detector
from cyclegan_tf.preparation.fingerprints import ALIKE, edges, pixel_digest, thumbnail
from cyclegan_tf.preparation.options import FaceOptions
from cyclegan_tf.preparation.parallel import in_order


@dataclass(frozen=True)
class Cropped:
    """The results of `crop_faces`.

    Attributes:
        counts: Number of faces by outcome: `written`, `too small` or `repeated`.
        pictures: Number of images processed.
        without: Names of images without a detected face.
        skipped: Number of images processed by earlier runs.
        failures: Errors of unreadable images, by name.
    """

    counts: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    without: list[str] = field(default_factory=list)
    skipped: int = 0
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Face:
    box: Box
    crop: Box
    digest: bytes
    edges: np.ndarray
    encoded: bytes


def crop_faces(
    source: Path, output: Path, detect: Detector, options: FaceOptions, progress: bool = True
) -> Cropped:
    """Write a square PNG of every face below a folder, without resizing.

    A call with the same arguments resumes an interrupted one, with the same result as without
    interruption. The output's `manifest.jsonl` lists the origin of each crop: the image's name,
    and the boxes of face and crop as left, top, width and height in pixels.

    Args:
        source: Folder of images.
        output: Folder for crops; `party/7.jpg` gives `party/7_jpg_0.png` and so on.
        detect: Face detector.
        options: How to crop faces, and which to skip.
        progress: Whether to show a progress bar.

    Raises:
        UserError: If there are no images, or if the output is inside `source` or holds crops
            made with other settings.
        OSError: If a file cannot be written.
    """
    names, _ = find_images(source)
    if not names:
        raise UserError(f"{source} holds no images")
    if output.resolve().is_relative_to(source.resolve()):
        raise UserError(f"the output {output} must not be inside the folder of images {source}")
    remove_partial_files(output)
    made_by = {"input": str(source.resolve()), **asdict(options.validate())}
    with closing(Ledger(output, made_by, "crops")) as crops:
        done = [name for name in names if crops.is_done(name, source / name)]
        rest = sorted({*names} - {*done})
        job = _Job(source, output, options, crops, _Kept.of(output, crops, done))
        found = Cropped(pictures=len(rest), skipped=len(done))
        # Only detection runs in parallel: which duplicate is kept must not depend on timing.
        looks = in_order(
            lambda name: _look(source / name, detect, options), rest, "faces", len(rest), progress
        )
        for name, outcome in zip(rest, looks, strict=True):
            job.write(name, outcome, found)
    return found


def square(box: Box, height: int, width: int, margin: float) -> Box:
    """Return the square crop around a face.

    Args:
        box: The face.
        height: Height of the image, in pixels.
        width: Width of the image, in pixels.
        margin: Margin on each side, relative to the face's longer side.

    Returns:
        A square centred on the face, shifted and if necessary shrunk to fit into the image.
    """
    side = min(round(max(box.width, box.height) * (1 + 2 * margin)), height, width)
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    return Box(min(max(left, 0), width - side), min(max(top, 0), height - side), side, side)


class _Kept:
    """The crops written so far, for finding duplicates."""

    def __init__(self) -> None:
        self._digests: dict[bytes, str] = {}
        self._names: list[str] = []
        self._edges = np.empty((256, 0), np.float32)

    @classmethod
    def of(cls, output: Path, crops: Ledger, done: Sequence[str]) -> "_Kept":
        """Read the crops of earlier runs."""
        kept = cls()
        faces = [face for name in done for face in crops.entries[name]["faces"]]
        names = [face["output"] for face in faces if "output" in face]
        for name, image in zip(
            names, in_order(lambda n: read_image(output / n), names, "earlier crops"), strict=True
        ):
            kept.add(name, pixel_digest(image), edges(thumbnail(image)[np.newaxis])[0])
        return kept

    def add(self, name: str, digest: bytes, vector: np.ndarray) -> None:
        if not self._edges.shape[1]:
            self._edges = np.empty((256, len(vector)), np.float32)
        if len(self._names) == len(self._edges):
            self._edges = np.concatenate([self._edges, np.empty_like(self._edges)])
        self._edges[len(self._names)] = vector
        self._names.append(name)
        self._digests.setdefault(digest, name)

    def like(self, face: _Face, duplicates: str) -> str | None:
        """Return the name of an earlier duplicate, as defined by the option `duplicates`."""
        if duplicates == "keep":
            return None
        if face.digest in self._digests or duplicates == "same" or not self._names:
            return self._digests.get(face.digest)
        cosines = self._edges[: len(self._names)] @ face.edges
        nearest = int(cosines.argmax())
        return self._names[nearest] if cosines[nearest] >= ALIKE else None


@dataclass(frozen=True)
class _Job:
    source: Path
    output: Path
    options: FaceOptions
    crops: Ledger
    kept: _Kept

    def write(self, name: str, outcome: list[_Face] | str, found: Cropped) -> None:
        """Write an image's crops, and then adds them to the manifest."""
        for before in self.crops.entries.get(name, {}).get("faces", ()):  # Outdated.
            if "output" in before:
                (self.output / before["output"]).unlink(missing_ok=True)
        if isinstance(outcome, str):
            found.failures[name] = outcome
            if (self.source / name).exists():
                self.crops.add(name, self.source / name, error=outcome)
            return
        listed = [*self._write_all(name, outcome)]
        found.counts.update(kind for kind, _ in listed)
        self.crops.add(name, self.source / name, faces=[facts for _, facts in listed])
        if not outcome:
            found.without.append(name)

    def _write_all(self, name: str, faces: list[_Face]) -> Iterator[tuple[str, dict[str, Any]]]:
        stem = PurePosixPath(name)
        for number, face in enumerate(faces):
            facts: dict[str, Any] = {"box": [*face.box], "crop": [*face.crop]}
            if face.crop.width < self.options.min_size:
                yield "too small", facts
                continue
            if like := self.kept.like(face, self.options.duplicates):
                yield "repeated", facts | {"like": like}
                continue
            target = stem.with_name(f"{stem.stem}_{stem.suffix[1:]}_{number}.png").as_posix()
            write_atomically(self.output / target, face.encoded)
            self.kept.add(target, face.digest, face.edges)
            yield "written", facts | {"output": target}


def _look(path: Path, detect: Detector, options: FaceOptions) -> list[_Face] | str:
    try:
        image = read_image(path)
    except (UnreadableImageError, OSError) as error:
        return str(error)
    faces = []
    for box in sorted(detect(image)):
        height, width, _ = image.shape
        crop = square(box, height, width, options.margin)
        face = image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        vector = edges(thumbnail(face)[np.newaxis])[0]
        faces.append(_Face(box, crop, pixel_digest(face), vector, encode_png(face)))
    return faces
