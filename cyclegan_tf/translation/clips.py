"""Clips: animated GIFs, and videos through PyAV, converted frame by frame."""

import errno
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import replacing
from cyclegan_tf.images.headers import read_header
from cyclegan_tf.images.images import UnreadableImageError, from_pillow, open_image, to_pillow

# Containers by suffix, with a widely supported codec and its quality settings.
_CONTAINERS = {
    ".mp4": ("mp4", "libx264", {"crf": "18"}),
    ".mov": ("mov", "libx264", {"crf": "18"}),
    ".mkv": ("matroska", "libx264", {"crf": "18"}),
    ".webm": ("webm", "libvpx-vp9", {"crf": "24", "b": "0"}),
    ".avi": ("avi", "mpeg4", {"qmin": "2", "qmax": "4"}),
}
VIDEO_SUFFIXES = frozenset(_CONTAINERS)

# Maps an iterator over frames, uint8 `(height, width, channels)`, to one of equal length.
Process = Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]


def convert_clip(source: Path, target: Path, channels: int, process: Process) -> None:
    """Process the frames of a clip and write them, with the same timing, to another.

    Args:
        source: An animated GIF or a video.
        target: A file of the same kind, written atomically.
        channels: Channels of the frames passed to `process`; its output may have others.
        process: Processes the frames.

    Raises:
        UnreadableImageError: If the source cannot be read.
        UserError: If it is a video and PyAV is missing.
        OSError: If the target cannot be written.
    """
    with replacing(target) as partial:
        if source.suffix.lower() in VIDEO_SUFFIXES:
            _convert_video(source, partial, target.suffix.lower(), channels, process)
        else:
            _convert_gif(source, partial, channels, process)


def count_frames(source: Path) -> int | None:
    """Return the number of frames in a clip, or None if its header lacks it.

    Raises:
        UnreadableImageError: If it cannot be read.
        UserError: If it is a video and PyAV is missing.
    """
    if source.suffix.lower() not in VIDEO_SUFFIXES:
        return read_header(source).frames
    av = _pyav()
    try:
        with av.open(str(source)) as video:
            return sum(stream.frames for stream in video.streams.video[:1]) or None
    except av.error.FFmpegError as error:
        raise UnreadableImageError(f"{source}: cannot be read ({error})") from error


def _convert_gif(source: Path, partial: Path, channels: int, process: Process) -> None:
    durations: deque[int] = deque()

    def frames() -> Iterator[np.ndarray]:
        with open_image(source) as image:
            for frame in ImageSequence.Iterator(image):
                durations.append(frame.info.get("duration", 0))
                yield from_pillow(frame, channels)

    def timed() -> Iterator[Image.Image]:
        for pixels in process(frames()):
            image = to_pillow(pixels)
            image.info["duration"] = durations.popleft()
            yield image

    with open_image(source) as image:
        loop = {"loop": image.info["loop"]} if "loop" in image.info else {}
    images = timed()
    next(images).save(partial, "GIF", save_all=True, append_images=images, **loop)


def _convert_video(
    source: Path, partial: Path, suffix: str, channels: int, process: Process
) -> None:
    av = _pyav()
    container, codec, quality = _CONTAINERS[suffix]
    try:
        with av.open(str(source)) as video, av.open(str(partial), "w", container) as result:
            if not video.streams.video:
                raise UnreadableImageError(f"{source}: no video stream found")
            shown = video.streams.video[0]
            shown.thread_type = "AUTO"
            written = result.add_stream(codec, shown.average_rate or 25, options=quality)
            sounds = {
                sound.index: result.add_stream_from_template(sound) for sound in video.streams.audio
            }
            times: deque[tuple[int | None, Fraction]] = deque()

            def frames() -> Iterator[np.ndarray]:
                for packet in video.demux(shown, *video.streams.audio):
                    if packet.stream.index in sounds:
                        if packet.dts is not None:
                            packet.stream = sounds[packet.stream.index]
                            result.mux(packet)
                        continue
                    for frame in packet.decode():
                        times.append((frame.pts, frame.time_base))
                        yield _upright(frame, channels)

            for pixels in process(frames()):
                frame = av.VideoFrame.from_image(to_pillow(pixels).convert("RGB"))
                if not written.codec_context.is_open:
                    _set_size(written, frame, times[0][1])
                frame.pts, frame.time_base = times.popleft()
                result.mux(written.encode(frame))
            result.mux(written.encode())
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(*error.args) from error
        raise UnreadableImageError(f"{source}: cannot be converted ({error})") from error


def _upright(frame: Any, channels: int) -> np.ndarray:
    """Return a frame's pixels, rotated as its metadata specifies."""
    pixels = from_pillow(frame.to_image(), channels)
    return np.rot90(pixels, frame.rotation // 90)


def _set_size(stream: Any, frame: Any, time_base: Fraction) -> None:
    stream.width, stream.height = frame.width, frame.height
    stream.codec_context.time_base = time_base
    # Chroma subsampling, which players expect, needs even sides.
    odd = frame.width % 2 or frame.height % 2
    stream.pix_fmt = "yuv444p" if odd and stream.codec_context.name != "mpeg4" else "yuv420p"


def _pyav() -> Any:
    try:
        import av
    except ImportError:
        raise UserError("videos need PyAV: pip install 'cyclegan_tf[video]'") from None
    return av
