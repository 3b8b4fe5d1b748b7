"""Face detectors: OpenCV's cascades for photos, animeface or another cascade for drawings."""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import to_pillow


class Box(NamedTuple):
    """A rectangle in an image, in pixels."""

    left: int
    top: int
    width: int
    height: int


# Takes uint8 [0, 255], shape `(height, width, 3)`; must be thread-safe.
Detector = Callable[[np.ndarray], list[Box]]

_PHOTO = "haarcascade_frontalface_default.xml"
# Scale step and minimum number of overlapping detections, from OpenCV's examples.
_STEP, _AGREEING = 1.1, 5


def open_detector(name: str) -> Detector:
    """Open a face detector.

    Args:
        name: `photo` for OpenCV's bundled cascade for frontal faces, `anime` for the package
            animeface, or the file of another cascade.

    Raises:
        UserError: If a package is missing, or the file is not a cascade.
    """
    if name == "anime":
        return _anime()
    if name == "photo":
        return _cascade(Path(_package("cv2").data.haarcascades, _PHOTO))
    return _cascade(Path(name))


def _cascade(path: Path) -> Detector:
    cv2 = _package("cv2")
    own = threading.local()  # A classifier stores its current image.

    def classifier() -> Any:
        if not hasattr(own, "classifier"):
            own.classifier = cv2.CascadeClassifier(str(path))
        return own.classifier

    try:
        empty = not path.is_file() or classifier().empty()
    except (cv2.error, SystemError):
        empty = True
    if empty:
        raise UserError(
            f"`detector={path}`: expected photo, anime, or the XML file of an OpenCV cascade"
        )

    def detect(image: np.ndarray) -> list[Box]:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        found = classifier().detectMultiScale(grey, _STEP, _AGREEING)
        return [Box(*map(int, box)) for box in found]

    return detect


def _anime() -> Detector:
    animeface = _package("animeface")
    one_at_a_time = threading.Lock()  # Not documented as thread-safe.

    def detect(image: np.ndarray) -> list[Box]:
        with one_at_a_time:
            faces = animeface.detect(to_pillow(image))
        places = [face.face.pos for face in faces]
        return [Box(int(p.x), int(p.y), int(p.width), int(p.height)) for p in places]

    return detect


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"face detection needs the package {name}, which cannot be imported ({error}); install "
            "it with: pip install 'cyclegan_tf[prepare]'"
        ) from error
