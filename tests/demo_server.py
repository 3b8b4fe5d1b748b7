"""Serves the page with known methods until standard input ends; a process of its own, because
what Gradio leaves open at its end would count as warnings of the tests."""

import sys

import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.serving import demo_page

EXAMPLES = [np.full((24, 32, 3), level, np.uint8) for level in (40, 80, 120)]


def failing(picture):
    raise UserError("no weights; ways out: a file")


if __name__ == "__main__":
    page = demo_page.build(
        "CycleGAN: test",
        {"a2b": lambda picture: 255 - picture, "b2a": lambda picture: picture // 2},
        {"a2b": EXAMPLES, "b2a": EXAMPLES[:1]},
        {"a2b": lambda picture: 255 - picture, "b2a": failing},
        max_side=64,
        names=("blond", "ginger"),
    )
    address = demo_page.serve(page, "127.0.0.1", None, max_megabytes=1, block=False)
    print(address, flush=True)
    try:
        taken = int(address.rstrip("/").rpartition(":")[2])
        another = demo_page.build("Another", {"a2b": failing}, {})
        demo_page.serve(another, "127.0.0.1", taken, 1, block=False)
    except UserError as error:
        print(error, flush=True)
    sys.stdin.read()
