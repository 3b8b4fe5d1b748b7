"""Everything translating can be told: options as those of a run, with the same metadata."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option
from cyclegan_tf.errors import UserError


@dataclass(frozen=True)
class TranslationOptions(Options):
    """How files are translated and written."""

    output_format: str = option(
        "png", "Format of pictures; clips keep theirs.", choices=("png", "jpg", "webp", "bmp")
    )
    quality: int = option(95, "Quality of jpg and webp.", minimum=1, maximum=100)
    bit_depth: int = option(8, "Bits of each channel: 8, or 16 for png.", minimum=8, maximum=16)
    batch_size: int = option(
        16, "Pictures of one size, or frames, translated at once; fewer if large.", minimum=1
    )
    tile: int | None = option(
        None,
        "Side of the tiles of pictures that are larger, in pixels; 0: none (default: 1024, for "
        "pictures of more than 4 megapixels).",
        minimum=0,
    )
    statistics_tiles: int = option(
        0,
        "Of a picture in tiles: how many its norms' statistics are taken from. 0 takes all, as "
        "is right; fewer are faster and change the translation.",
        minimum=0,
    )
    smoothing: float = option(
        0.0,
        "Of clips: how much of what the last frame was changed by stays where nothing moves, "
        "against flicker.",
        minimum=0.0,
        maximum=0.99,
    )

    def validate(self) -> "TranslationOptions":
        super().validate()
        if self.bit_depth not in (8, 16):
            raise UserError(f"`bit_depth={self.bit_depth}`: expected 8 or 16")
        if self.bit_depth == 16 and self.output_format != "png":
            raise UserError(
                f"`output_format={self.output_format}`: pictures of 16 bits are written as png only"
            )
        return self
