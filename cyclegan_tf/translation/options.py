"""Options of translation, with the same metadata as a run's options."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option


@dataclass(frozen=True)
class TranslationOptions(Options):
    """How files are translated and written."""

    output_format: str = option(
        "png", "Format of images; clips keep theirs.", choices=("png", "jpg", "webp", "bmp")
    )
    quality: int = option(95, "Quality of jpg and webp.", minimum=1, maximum=100)
    batch_size: int = option(
        16, "Images of one size, or frames, per batch; fewer if they are large.", minimum=1
    )
    tile: int | None = option(
        None,
        "Side of a tile in pixels; larger images are split into tiles; 0: never (default: 1024, "
        "for images of more than 4 megapixels).",
        minimum=0,
    )
    smoothing: float = option(
        0.0,
        "Temporal smoothing of static regions in clips, to reduce flicker; 0: none.",
        minimum=0.0,
        maximum=0.99,
    )
