"""Finds the files to translate, their targets, and batches of one size."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.headers import Header, read_header
from cyclegan_tf.images.images import IMAGE_SUFFIXES, UnreadableImageError, find_images
from cyclegan_tf.translation.clips import VIDEO_SUFFIXES


@dataclass(frozen=True)
class Task:
    """A file to translate.

    Attributes:
        name: Path relative to the source folder, with `/` between the parts.
        path: Path of the file.
        target: Path of its translation, relative to the output.
        header: Header of an image; None for videos.
    """

    name: str
    path: Path
    target: Path
    header: Header | None

    @property
    def is_clip(self) -> bool:
        return self.header is None or self.header.frames > 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return (self.header.height, self.header.width) if self.header else (0, 0)

    @property
    def area(self) -> int:
        return self.size[0] * self.size[1]


def find_tasks(source: Path, output_format: str) -> tuple[list[Task], dict[str, str], int]:
    """List the files to translate.

    Args:
        source: A file or a folder.
        output_format: Suffix of translated images, without dot; clips keep their own.

    Returns:
        The files; reasons of unreadable files by name; and the number of ignored files.

    Raises:
        UserError: If no images are found, or two translations have the same target.
    """
    ignored = 0
    if source.is_file():
        root, names = source.parent, [source.name]
    else:
        root = source
        names, ignored = find_images(source, IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    if not names:
        raise UserError(f"{source} contains no images or clips")

    def look(name: str) -> Task | UnreadableImageError:
        path, target = root / name, Path(name)
        if path.suffix.lower() in VIDEO_SUFFIXES:
            return Task(name, path, target, None)
        try:
            header = read_header(path)
        except UnreadableImageError as error:
            return error
        suffix = ".gif" if header.frames > 1 else f".{output_format}"
        return Task(name, path, target.with_suffix(suffix), header)

    with ThreadPoolExecutor() as pool:
        found = dict(zip(names, pool.map(look, names), strict=True))
    tasks = [task for task in found.values() if isinstance(task, Task)]
    check_targets({task.name: task.target for task in tasks})
    failures = {n: str(e) for n, e in found.items() if isinstance(e, UnreadableImageError)}
    return tasks, failures, ignored


def check_output(source: Path, output: Path, targets: Iterable[Path]) -> None:
    """Check that translations will not be mixed with, or replace, the files to translate.

    Args:
        source: A file or a folder.
        output: A folder.
        targets: Paths of the translations, relative to `output`.

    Raises:
        UserError: If the output is inside the source, or a target is the source itself.
    """
    inside = output.resolve().is_relative_to(source.resolve())
    if inside or any((output / target).resolve() == source.resolve() for target in targets):
        raise UserError(f"the output {output} would mix with the images to translate in {source}")


def in_batches(tasks: Iterable[Task], batch_size: Callable[[int], int]) -> list[Sequence[Task]]:
    """Group images of one size into batches.

    The batches depend only on the files, not on which are already translated: in another batch,
    a result could differ by rounding.

    Args:
        tasks: Images.
        batch_size: Returns the batch size for an area in pixels.
    """
    by_size: dict[tuple[int, int], list[Task]] = {}
    for task in tasks:
        by_size.setdefault(task.size, []).append(task)
    return [
        alike[start : start + count]
        for alike in by_size.values()
        for count in [batch_size(alike[0].area)]
        for start in range(0, len(alike), count)
    ]


def check_targets(targets: Mapping[str, Path]) -> None:
    """Check that every file has a different target.

    Args:
        targets: Paths of the translations by name of the file.

    Raises:
        UserError: If two files have the same target.
    """
    owners: dict[Path, str] = {}
    for name, target in targets.items():
        if target in owners:
            raise UserError(
                f"{owners[target]} and {name} would both be written as {target}; rename one"
            )
        owners[target] = name
