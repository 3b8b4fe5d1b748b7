"""Options of data preparation, declared like run options."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option
from cyclegan_tf.errors import UserError


@dataclass(frozen=True)
class SplitOptions(Options):
    """Options for splitting a collection into two domains."""

    attribute: str = option("", "Attribute that defines the domains: a column or TFDS feature.")
    values: str = option("1,0", "Attribute values of A and B; 1 and 0 also match true and false.")
    where: str = option(
        "", "Further conditions: NAME=VALUE[,NAME=VALUE...].", pattern="([^=,]+=[^=,]*,?)*"
    )
    test_fraction: float = option(
        0.1, "Fraction of each domain's images in the test split.", minimum=0.0, maximum=0.9
    )
    max_images: int | None = option(
        None, "Maximum number of images per domain; uses the first (default: all).", minimum=1
    )
    seed: int = option(0, "Seed for choosing the test split.", minimum=0, maximum=2**32 - 1)

    @property
    def value_pair(self) -> tuple[str, str]:
        """The attribute's values in A and in B."""
        a, b = (plain(value) for value in self.values.split(","))
        return a, b

    @property
    def conditions(self) -> dict[str, str]:
        """The conditions of `where`: values by attribute name."""
        pairs = [condition.split("=") for condition in self.where.split(",") if condition]
        return {name.strip(): plain(value) for name, value in pairs}

    def validate(self) -> "SplitOptions":
        super().validate()
        if not self.attribute:
            raise UserError("`attribute` is needed: the attribute that defines the domains")
        if len({plain(value) for value in self.values.split(",")}) != 2 or (
            self.values.count(",") != 1
        ):
            raise UserError(f"`values={self.values}`: expected two different values, A,B")
        return self


@dataclass(frozen=True)
class FaceOptions(Options):
    """Options for detecting and cropping faces."""

    detector: str = option(
        "photo",
        "Face detector: photo (OpenCV, frontal faces), anime (package animeface), or the XML file "
        "of another OpenCV cascade.",
    )
    margin: float = option(
        0.3,
        "Margin on each side of a face, relative to its longer side.",
        minimum=0.0,
        maximum=2.0,
    )
    min_size: int = option(64, "Minimum side of a crop in pixels; skips smaller crops.", minimum=1)
    duplicates: str = option(
        "near",
        "Duplicate crops to skip: near duplicates and exact ones (near), only exact ones, with the "
        "same pixels (same), or none (keep).",
        choices=("near", "same", "keep"),
    )


@dataclass(frozen=True)
class FetchOptions(Options):
    """Options for downloading and unpacking an archive."""

    name: str = option("", "Name of a data set, such as horse2zebra, with a known checksum.")
    archive: str = option("", "Local zip file to use instead of downloading.")
    url: str = option("", "Alternative URL of the zip file.")
    sha256: str = option(
        "", "Expected SHA-256 of the zip file: 64 hexadecimal digits.", pattern="([0-9a-fA-F]{64})?"
    )
    max_files: int = option(200_000, "Maximum number of entries in the zip file.", minimum=1)
    max_gb: float = option(20.0, "Maximum size after unpacking, in GiB.", above=0.0)

    def validate(self) -> "FetchOptions":
        super().validate()
        if not (self.name or self.archive or self.url):
            raise UserError("missing data set; give a name, `archive=FILE` or `url=URL`")
        if self.archive and self.url:
            raise UserError(f"`archive={self.archive}` and `url={self.url}`: give only one of them")
        return self


@dataclass(frozen=True)
class PackOptions(Options):
    """Options for packing a data set."""

    shard_mb: int = option(
        256, "Maximum size of a packed file in MiB; a larger image gets its own file.", minimum=1
    )


def plain(value: object) -> str:
    """Normalize an attribute value for comparison: text, with 1 and 0 for true and false.

    -1 counts as false, as in the attribute lists of some data sets.
    """
    text = str(value).strip()
    known = {"true": "1", "yes": "1", "false": "0", "no": "0", "-1": "0"}
    return known.get(text.lower(), text)
