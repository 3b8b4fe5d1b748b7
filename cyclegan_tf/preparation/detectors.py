"""Finding faces: OpenCV's cascades for photographs, animeface or another cascade for drawings."""

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
    """Where something is in a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


# Takes uint8 [0, 255], shape `(height, width, 3)`; may be called by several threads at once.
Detector = Callable[[np.ndarray], list[Box]]

_PHOTO = "haarcascade_frontalface_default.xml"
# Steps between the sizes looked for, and findings that have to agree, of OpenCV's own examples.
_STEP, _AGREEING = 1.1, 5


def open_detector(name: str) -> Detector:
    """Opens a detector.

    Args:
        name: `photo` for the cascade that OpenCV brings, of faces seen from the front; `anime`
            for the package animeface; or the file of another cascade.

    Raises:
        UserError: If its package is missing, or the file is no cascade.
    """
    if name == "anime":
        return _anime()
    if name == "photo":
        return _cascade(Path(_package("cv2").data.haarcascades, _PHOTO))
    return _cascade(Path(name))


def _cascade(path: Path) -> Detector:
    cv2 = _package("cv2")
    own = threading.local()  # A classifier keeps what it is looking at.

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
            f"`detector={path}`: expected photo, anime, or the XML file of a cascade of OpenCV"
        )

    def detect(image: np.ndarray) -> list[Box]:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        found = classifier().detectMultiScale(grey, _STEP, _AGREEING)
        return [Box(*map(int, box)) for box in found]

    return detect


def _anime() -> Detector:
    animeface = _package("animeface")
    one_at_a_time = threading.Lock()  # It does not say that it may be called otherwise.

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
            f"finding faces needs the package {name}, which cannot be imported ({error}); install "
            "it with: pip install '.[prepare]'"
        ) from error
