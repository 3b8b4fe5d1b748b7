"""Pictures as users bring them: of every kind that has to be read, and such as cannot be."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def smooth(mode: str, width: int = 24, height: int = 20) -> Image.Image:
    """A picture that survives lossy formats and palettes of few colours."""
    rows = np.linspace(40, 200, height)[:, np.newaxis]
    columns = np.linspace(0, 50, width)
    levels = np.rint(rows + columns)
    colours = np.stack([levels, 255 - levels, np.broadcast_to(columns, levels.shape)], -1)
    return Image.fromarray(colours.astype(np.uint8)).convert(mode)


def good_pictures() -> dict[str, bytes]:
    """Readable files, some with a suffix that is not theirs, by name."""
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = smooth("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    palette = smooth("RGB").quantize(8)
    frames = [Image.new("RGB", (12, 8), colour) for colour in ("red", "blue")]
    deep = Image.fromarray(np.linspace(0, 65535, 480).astype(np.uint16).reshape(20, 24))
    return {
        "animated.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "cmyk.jpg": encoded(smooth("CMYK"), "JPEG"),
        "deep.png": encoded(deep, "PNG"),
        "grey.bmp": encoded(smooth("L"), "BMP"),
        "palette.png": encoded(palette, "PNG", transparency=3),
        "png_called.jpg": encoded(smooth("RGB"), "PNG"),
        "single.png": encoded(Image.new("RGB", (1, 1), "green"), "PNG"),
        "tall.png": encoded(smooth("RGB", 1, 3000), "PNG"),
        "tiff_called.png": encoded(smooth("RGB"), "TIFF"),
        "transparent.png": encoded(clear, "PNG"),
        "turned.jpg": encoded(smooth("RGB"), "JPEG", exif=turned),
        "webp.webp": encoded(smooth("RGB"), "WEBP"),
        "webp_called.tif": encoded(smooth("RGB"), "WEBP"),
        "wide.png": encoded(smooth("RGB", 3000, 2), "PNG"),
    }


def bad_pictures() -> dict[str, bytes]:
    """Files that cannot be read, by name; the bombs are small, and would be gigabytes in memory."""
    whole = {kind: encoded(smooth("RGB", 240, 200), kind) for kind in ("JPEG", "PNG", "WEBP")}
    return {
        "bomb.png": encoded(Image.new("1", (20_000, 20_000)), "PNG"),
        "cut_jpeg.jpg": whole["JPEG"][: len(whole["JPEG"]) // 2],
        "cut_png.png": whole["PNG"][: len(whole["PNG"]) // 2],
        "cut_webp.webp": whole["WEBP"][: len(whole["WEBP"]) // 2],
        "empty.png": b"",
        "flipped.png": whole["PNG"][:60] + bytes(9) + whole["PNG"][69:],
        "page.jpg": b"<!doctype html><html><body>404 Not Found</body></html>",
        "smaller_bomb.tif": encoded(Image.new("1", (9_500, 9_500)), "TIFF", compression="group4"),
    }


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
