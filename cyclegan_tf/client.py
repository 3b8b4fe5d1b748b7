"""Translate images on a server that serves an exported model.

    python -m cyclegan_tf.client --server=127.0.0.1:8501 --model=blond2ginger \\
        --input=photos --output=translated
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.config.direction import DIRECTIONS
from cyclegan_tf.errors import UserError


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status, 0, or 1 if a file could not be translated."""
    line = cli.CommandLine(__doc__)
    line.add("server", str, "", "HOST:PORT; TF Serving uses 8501 for REST and 8500 for gRPC.")
    line.add("protocol", str, "rest", "Protocol of the requests.", choices=("rest", "grpc"))
    line.add("model", str, "", "Name of the model, which is the name of its folder.")
    line.add("direction", str, "a2b", "Direction of the translation.", choices=DIRECTIONS)
    line.add("input", str, "", "An image, or a folder of images.")
    line.add("output", str, "", "Folder for the translations, which keep paths and stems.")
    line.add("batch_size", int, 4, "Images per request.", minimum=1)
    line.add("timeout", float, 60.0, "Timeout of a request, in seconds.", above=0.0)
    line.add("retries", int, 4, "Retries of a request if no server answers, 0 to 4.")
    line.parse(arguments)
    server, model, source, output = map(line.required, ("server", "model", "input", "output"))
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"--server={server}: expected HOST:PORT, such as 127.0.0.1:8501")
    if not 0 <= line["retries"] <= 4:
        raise UserError(f"--retries={line['retries']}: expected 0 to 4")

    cli.import_tensorflow()
    try:
        from cyclegan_tf.serving.client import PROTOCOLS
    except ImportError as error:
        raise UserError(
            f"the client needs an extra ({error}): pip install 'cyclegan_tf[client]'"
        ) from None
    from cyclegan_tf.serving.remote import translate_remotely

    client = PROTOCOLS[line["protocol"]](server, model, line["timeout"], line["retries"])
    try:
        failures = translate_remotely(
            client, Path(source), Path(output), line["direction"], line["batch_size"]
        )
    finally:
        client.close()
    for reason in failures.values():
        print(f"skipped {reason}", file=sys.stderr)
    print(f"translations: {output}, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    cli.run(main)
