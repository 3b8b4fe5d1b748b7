"""Everything translating can be told: options as those of a run, with the same metadata."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option


@dataclass(frozen=True)
class TranslationOptions(Options):
    """How files are translated and written."""

    output_format: str = option(
        "png", "Format of pictures; clips keep theirs.", choices=("png", "jpg", "webp", "bmp")
    )
    quality: int = option(95, "Quality of jpg and webp.", minimum=1, maximum=100)
    batch_size: int = option(
        16, "Pictures of one size, or frames, translated at once; fewer if large.", minimum=1
    )
    tile: int | None = option(
        None,
        "Side of the tiles of pictures that are larger, in pixels; 0: none (default: 1024, for "
        "pictures of more than 4 megapixels).",
        minimum=0,
    )
    smoothing: float = option(
        0.0,
        "Of clips: how much of what the last frame was changed by stays where nothing moves, "
        "against flicker.",
        minimum=0.0,
        maximum=0.99,
    )
