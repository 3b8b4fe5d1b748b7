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
    """Runs the command; returns the exit status, 0, or 1 if a file could not be translated."""
    line = cli.CommandLine(__doc__)
    line.add("server", str, "", "HOST:PORT; TF Serving has 8501 for REST and 8500 for gRPC.")
    line.add("protocol", str, "rest", "How it is asked.", choices=("rest", "grpc"))
    line.add("model", str, "", "The model's name: that of the folder it was exported to.")
    line.add("direction", str, "a2b", "From which domain to which.", choices=DIRECTIONS)
    line.add("input", str, "", "A picture, or a folder of them.")
    line.add("output", str, "", "Folder for the translations; paths and stems are kept.")
    line.add("batch_size", int, 4, "Pictures in a request.", minimum=1)
    line.add("timeout", float, 60.0, "Seconds for a request.", above=0.0)
    line.add("retries", int, 4, "How often a request is repeated while no server answers, 0 to 4.")
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
        raise UserError(f"a client needs more ({error}): pip install '.[client]'") from None
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
