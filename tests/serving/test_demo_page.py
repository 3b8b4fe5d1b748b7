"""The page to try a model on, in a real browser."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf.images.images import read_image, write_image

pytest.importorskip("gradio", reason="needs the extra demo")
SERVER = Path(__file__).parents[1] / "demo_server.py"


@pytest.fixture(scope="module")
def server() -> Iterator[list[str]]:
    """What a server of the page says: its address, and what is said of a port that is taken."""
    process = subprocess.Popen(
        [sys.executable, SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=SERVER.parents[1],
        env=os.environ | {"PYTHONPATH": str(SERVER.parents[1])},
    )
    yield [process.stdout.readline().strip() for _ in range(2)]
    process.communicate(timeout=60)


@pytest.fixture
def page(server: list[str], browser) -> Iterator:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(server[0])
    tab.wait_for_selector("#upload input[type=file]", state="attached")
    yield tab
    context.close()


def upload(page, path: Path) -> None:
    page.locator("#upload input[type=file]").set_input_files(path)


def colour_of(page, selector: str, last: bool = False) -> list[int]:
    """The middle pixel of a picture that the page shows."""
    images = page.locator(f"{selector} img")
    image = images.last if last else images.first
    image.wait_for()
    return image.evaluate(
        """async image => {
            await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            const middle = [canvas.width / 2, canvas.height / 2].map(Math.floor);
            return Array.from(context.getImageData(...middle, 1, 1).data.slice(0, 3));
        }"""
    )


def test_it_opens_with_the_first_example_translated(page) -> None:
    page.get_by_text("32 x 24 pixels, translated in").wait_for()
    shown = {tuple(colour_of(page, "#result", last)) for last in (False, True)}
    assert shown == {(40, 40, 40), (215, 215, 215)}
    assert colour_of(page, "#cycled") == [107] * 3  # 215 // 2
    page.get_by_label("blond → ginger").wait_for()
    page.locator("#cycled").get_by_text("→ blond again").wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off_at_the_width_of_a_desk_or_a_phone(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_text("32 x 24 pixels, translated in").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    inside = """grid => {
        const frame = grid.getBoundingClientRect();
        return [...grid.querySelectorAll('img')].every(image => {
            const box = image.getBoundingClientRect();
            return box.left >= frame.left && box.right <= frame.right
                && box.top >= frame.top && box.bottom <= frame.bottom;
        });
    }"""
    assert page.locator("#examples").evaluate(inside)


def test_an_upload_is_translated_there_and_back(page, server: list[str], tmp_path: Path) -> None:
    write_image(tmp_path / "red.png", np.full((128, 96, 3), (200, 30, 10), np.uint8))
    upload(page, tmp_path / "red.png")
    # Larger than allowed, so it was made smaller.
    page.get_by_text("48 x 64 pixels, translated in").wait_for()
    shown = {tuple(colour_of(page, "#result", last)) for last in (False, True)}
    assert shown == {(200, 30, 10), (55, 225, 245)}
    assert colour_of(page, "#cycled") == [27, 112, 122]
    page.locator("#paint").click()
    assert colour_of(page, "#painted") == [55, 225, 245]
    page.screenshot(path=tmp_path / "shot.png")
    assert read_image(tmp_path / "shot.png").std() > 20
    local = (server[0], "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(local)] == []


def test_an_example_is_picked_and_the_direction_changed(page) -> None:
    page.locator("#examples img").nth(2).click()
    page.get_by_text("32 x 24 pixels, translated in").wait_for()
    assert colour_of(page, "#result", last=True) in ([135] * 3, [120] * 3)
    page.get_by_label("ginger → blond").check()
    page.wait_for_function("document.querySelectorAll('#examples img').length == 1")
    page.wait_for_timeout(500)
    assert colour_of(page, "#cycled") == [195, 195, 195]  # 255 - 120 // 2
    page.locator("#paint").click()
    page.get_by_text("no weights; ways out: a file").wait_for()


def test_junk_gets_a_message_and_the_next_picture_an_answer(page, tmp_path: Path) -> None:
    (tmp_path / "junk.png").write_bytes(b"this is no picture")
    upload(page, tmp_path / "junk.png")
    page.get_by_text("the file: not an image of a known format").wait_for()
    page.get_by_label("Remove this file").or_(page.get_by_label("Clear")).first.click()
    # On a busy machine, the next file would be given to what is being removed.
    page.get_by_text("junk.png").first.wait_for(state="detached")
    page.locator("#upload input[type=file]").wait_for(state="attached")
    write_image(tmp_path / "grey.png", np.full((30, 20, 1), 90, np.uint8))
    upload(page, tmp_path / "grey.png")
    page.get_by_text("20 x 30 pixels, translated in").wait_for()


def test_too_large_a_file_is_refused(page, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(2**20 + 1))
    upload(page, tmp_path / "large.png")
    page.get_by_text("exceed the maximum allowed size of 1.0 Mb").wait_for()


def test_a_port_that_is_taken_is_named(server: list[str]) -> None:
    address, message = server
    port = address.rstrip("/").rpartition(":")[2]
    assert message.startswith(f"cannot listen on 127.0.0.1, port {port}: ")
