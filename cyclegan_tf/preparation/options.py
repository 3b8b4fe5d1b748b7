"""Everything preparing data can be told: options as those of a run, with the same metadata."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option
from cyclegan_tf.errors import UserError


@dataclass(frozen=True)
class SplitOptions(Options):
    """How one collection becomes two domains."""

    attribute: str = option("", "What tells the domains apart: a column, or a feature of TFDS.")
    values: str = option("1,0", "Its values in A and in B; 1 and 0 are also true and false.")
    where: str = option(
        "", "What else must hold: NAME=VALUE[,NAME=VALUE...].", pattern="([^=,]+=[^=,]*,?)*"
    )
    test_fraction: float = option(
        0.1, "Share of each domain's pictures that are for the test.", minimum=0.0, maximum=0.9
    )
    max_images: int | None = option(
        None, "Most pictures of a domain, the first ones (default: all).", minimum=1
    )
    seed: int = option(0, "Seed of which are for the test.", minimum=0, maximum=2**32 - 1)

    @property
    def value_pair(self) -> tuple[str, str]:
        """The attribute's values in A and in B."""
        a, b = (plain(value) for value in self.values.split(","))
        return a, b

    @property
    def conditions(self) -> dict[str, str]:
        """`where` as values by names."""
        pairs = [condition.split("=") for condition in self.where.split(",") if condition]
        return {name.strip(): plain(value) for name, value in pairs}

    def validate(self) -> "SplitOptions":
        super().validate()
        if not self.attribute:
            raise UserError("`attribute` is needed: what tells the domains apart")
        if len({plain(value) for value in self.values.split(",")}) != 2 or (
            self.values.count(",") != 1
        ):
            raise UserError(f"`values={self.values}`: expected two different values, A,B")
        return self


@dataclass(frozen=True)
class FaceOptions(Options):
    """How faces are found and cropped."""

    detector: str = option(
        "photo",
        "photo: OpenCV's, for faces seen from the front; anime: the package animeface; or the "
        "XML file of another cascade of OpenCV.",
    )
    margin: float = option(
        0.3,
        "What is added on each side of a face, relative to its longer side.",
        minimum=0.0,
        maximum=2.0,
    )
    min_size: int = option(64, "Smaller crops are left out; their side in pixels.", minimum=1)
    duplicates: str = option(
        "near",
        "Which crops are left out for being there already: those that look the same (near), only "
        "those of the same pixels (same), or none (keep).",
        choices=("near", "same", "keep"),
    )


@dataclass(frozen=True)
class FetchOptions(Options):
    """Which archive is unpacked, and how far it may go."""

    name: str = option("", "A data set's name, such as horse2zebra; its checksum is known.")
    archive: str = option("", "A zip file on this machine, instead of downloading.")
    url: str = option("", "Where else to download the zip file.")
    sha256: str = option(
        "", "The zip file's SHA-256: 64 hexadecimal digits.", pattern="([0-9a-fA-F]{64})?"
    )
    max_files: int = option(200_000, "Most entries of the zip file.", minimum=1)
    max_gb: float = option(20.0, "Most that it may hold unpacked, in GiB.", above=0.0)

    def validate(self) -> "FetchOptions":
        super().validate()
        if not (self.name or self.archive or self.url):
            raise UserError("what is to be fetched? give a name, `archive=FILE` or `url=URL`")
        if self.archive and self.url:
            raise UserError(f"`archive={self.archive}` and `url={self.url}`: give one of the two")
        return self


@dataclass(frozen=True)
class PackOptions(Options):
    """How a data set is packed."""

    shard_mb: int = option(
        256, "Size of a file of pictures in MiB; a larger picture has one of its own.", minimum=1
    )


def plain(value: object) -> str:
    """Returns a value as it is compared: text, with 1 and 0 for what is true and false.

    That includes -1, which some lists of attributes have for false.
    """
    text = str(value).strip()
    known = {"true": "1", "yes": "1", "false": "0", "no": "0", "-1": "0"}
    return known.get(text.lower(), text)
