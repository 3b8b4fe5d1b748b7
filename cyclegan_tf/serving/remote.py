"""Translating files on a server."""

import logging
from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import write_atomically
from cyclegan_tf.images.images import UnreadableImageError, encode_png, find_images, read_image
from cyclegan_tf.progress import progress_bar
from cyclegan_tf.serving.client import Answer, Client
from cyclegan_tf.serving.decoding import Status
from cyclegan_tf.translation.tasks import check_output, check_targets

_log = logging.getLogger(__name__)


def translate_remotely(
    client: Client,
    source: Path,
    output: Path,
    direction: str = "a2b",
    batch_size: int = 4,
    progress: bool = True,
) -> dict[str, str]:
    """Translate an image, or all images below a folder, on a server.

    Files are sent unchanged. If the server does not decode a format, the image is resent as PNG.

    Args:
        client: A connection to the server.
        source: A file or a folder.
        output: Folder for the translations, which are PNG files and keep relative paths and
            stems.
        direction: `a2b` or `b2a`.
        batch_size: Files per request.
        progress: Whether to show a progress bar.

    Returns:
        The failures: by name of the file, the reason. All other translations were written.

    Raises:
        UserError: If there is nothing to translate, the output folder is inside the input folder,
            no server answers, or the server rejects a request. Files already written remain.
    """
    root, names = (source.parent, [source.name]) if source.is_file() else (source, None)
    if names is None:
        names, ignored = find_images(source)
        _log.info("%s: %d images, %d other files ignored", source, len(names), ignored)
    if not names:
        raise UserError(f"{source} contains no images")
    targets = {name: Path(name).with_suffix(".png") for name in names}
    check_targets(targets)
    check_output(source, output, targets.values())
    failures: dict[str, str] = {}
    with progress_bar(total=len(names), desc="translating", unit="image", shown=progress) as bar:
        for start in range(0, len(names), batch_size):
            batch = names[start : start + batch_size]
            answers = _answers(client, [root / name for name in batch], direction)
            for name, answer in zip(batch, answers, strict=True):
                if isinstance(answer, str):
                    failures[name] = answer
                else:
                    write_atomically(output / targets[name], answer.picture)
            bar.update(len(batch))
    return failures


def _answers(client: Client, files: Sequence[Path], direction: str) -> list[Answer | str]:
    """Translate each file; return its answer, or the reason for a failure."""
    contents: list[bytes] = []
    for file in files:
        try:
            contents.append(file.read_bytes())
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror}") from error
    answers: list[Answer | str] = list(client.translate(contents, direction))
    for number, (file, answer) in enumerate(zip(files, answers, strict=True)):
        if isinstance(answer, Answer) and answer.status == Status.UNSUPPORTED:
            answers[number] = _again_as_png(client, file, direction)
    return [
        f"{file}: {_meaning(answer.status)}"
        if isinstance(answer, Answer) and answer.status
        else answer
        for file, answer in zip(files, answers, strict=True)
    ]


def _again_as_png(client: Client, file: Path, direction: str) -> Answer | str:
    try:
        # Four channels keep everything; the server blends transparency with white if necessary.
        plain = encode_png(read_image(file, 4))
    except UnreadableImageError as error:
        return str(error)
    return client.translate([plain], direction)[0]


def _meaning(status: int) -> str:
    try:
        return Status(status).meaning
    except ValueError:
        return f"the server returned status {status}"
