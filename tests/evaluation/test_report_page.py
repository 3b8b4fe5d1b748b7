"""A report's page: what it says, that it needs nothing else, and how it behaves in a browser."""

import re
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf.evaluation.report_page import (
    MOST_SAMPLES,
    Command,
    Fact,
    Option,
    Report,
    write_report,
)
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.images.sheets import spread

HOSTILE = '"><img src=x onerror=alert(1)></script><b>&'
EVALUATION = {
    direction: {
        "pictures": 120,
        "cycle": {"cycle_mae": 0.5},
        "translation": {"mae": 1.5, "psnr": 30.0, "ssim": 0.9, "changed_mae": 6.0, "kept_mae": 0.1},
        "unchanged_input": {"mae": 7.0, "changed_mae": 48.0, "kept_mae": 0.0},
    }
    for direction in ("a2b", "b2a")
}


def sheet(path: Path, level: int, size: tuple[int, int] = (60, 90)) -> Path:
    write_image(path, np.full((*size, 3), level, np.uint8))
    return path


def report(folder: Path, **changed) -> Report:
    steps = np.arange(1, 101) * 10
    rng = np.random.default_rng(0)
    names = ("generator_loss", "cycle_loss_a", "cycle_loss_b", "generator_gradient_norm")
    metrics = {name: np.exp(rng.normal(size=100)) for name in names}
    metrics["generator_gradient_norm"][3] = np.nan
    facts = {
        "name": "a run",
        "lead": "What was trained.",
        "state": ["How far it is."],
        "facts": [Fact("steps", "1,000", "of 2,000")],
        "changed": [Option("data", "photos", "", "Where pictures are."), Option("a", "2", "1", "")],
        "others": {"Model": [Option("filters", "64", "64", "Channels.")]},
        "steps": steps,
        "metrics": metrics,
        "gan_mode": "lsgan",
        "samples": {s: sheet(folder / f"s/{s}.png", 10 * s) for s in (0, 5, 10)},
        "gallery": sheet(folder / "gallery.png", 99),
        "figures": EVALUATION,
        "commands": [Command("Translate.", "python -m x --workdir=y")],
    }
    return Report(**(facts | changed))


def write(folder: Path, **changed) -> tuple[Path, str]:
    path = folder / "out/report.html"
    write_report(path, report(folder, **changed))
    return path, path.read_text()


def test_the_page_holds_everything_and_needs_nothing_from_outside(tmp_path: Path) -> None:
    path, text = write(tmp_path)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    assert not re.findall(r'\b(?:src|href)="(?!data:|#)', text)
    # The one address names a kind of attribute, by which parts of a drawing refer to each other.
    addresses = set(re.findall(r"\S*://[^\s>]*", text))
    assert addresses <= {'xmlns:xlink="http://www.w3.org/1999/xlink"'}
    assert "@import" not in text and not re.findall(r"url\((?!#)", text)
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len({*ids})
    assert {*re.findall(r'(?:url\(|href=")#([^")]*)', text)} <= {*ids}
    assert write(tmp_path)[1] == text
    assert text.count('src="data:image/png;base64,') == 4
    for said in ("What was trained.", "How far it is.", "of 2,000", "photos", "0.125", "120 test"):
        assert said in text
    assert "python -m x --workdir=y" in text
    assert text.index("<strong>photos") < text.index("<summary>") < text.index("<strong>64")
    assert 'class="missing"' not in text


def test_names_are_text_wherever_they_come_from(tmp_path: Path) -> None:
    metrics = {HOSTILE: np.arange(100.0)}
    figures = {"a2b": {"pictures": HOSTILE, "translation": {"mae": 1.0}}}
    changed = {
        **{"name": HOSTILE, "lead": HOSTILE, "state": [HOSTILE], "metrics": metrics},
        **{"facts": [Fact(*[HOSTILE] * 3)], "changed": [Option(*[HOSTILE] * 4)]},
        **{"others": {HOSTILE: []}, "commands": [Command(HOSTILE, HOSTILE)], "figures": figures},
        "names": (HOSTILE, "B"),
    }
    broken = tmp_path / f"{HOSTILE.replace('/', '')}.png"
    broken.write_bytes(b"none")
    _, text = write(tmp_path, **changed, gallery=broken)
    assert "<img src=x" not in text and text.count("</script>") == 2
    assert text.count("&lt;img src=x") > 10
    assert "cannot be read: &#34;&gt;&lt;img" in text


def test_what_there_is_none_of_is_said(tmp_path: Path) -> None:
    empty = {"steps": np.zeros(0, np.int64), "metrics": {}, "samples": {}, "gallery": None}
    _, text = write(tmp_path, **empty, figures=None, changed=[])
    assert text.count('class="missing"') == 4
    for said in ("no gallery yet", "not been evaluated yet", "no sample images", "no curves"):
        assert said in text
    assert "All options have their defaults" in text


def test_figures_from_before_the_end_are_said_to_be(tmp_path: Path) -> None:
    assert "Measured before" not in write(tmp_path)[1]
    assert "Measured before" in write(tmp_path, final=False)[1]
    assert "Measured before" not in write(tmp_path, final=False, gallery=None, figures={})[1]


def test_many_large_sheets_make_a_page_of_bounded_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (360, 480, 3)).astype(np.uint8)
    write_image(tmp_path / "one.png", noise)
    write_image(tmp_path / "large.png", np.tile(noise, (3, 3, 1)))
    samples = dict.fromkeys(range(0, 400, 10), tmp_path / "one.png")
    path, text = write(tmp_path, samples=samples, gallery=tmp_path / "large.png")
    assert 40 * (tmp_path / "one.png").stat().st_size > 15e6
    assert 4e6 < path.stat().st_size < 8e6
    shown = [int(step) for step in re.findall(r'data-step="(\d+)"', text)]
    assert shown == spread(list(samples), MOST_SAMPLES)
    assert "spread evenly over the 40 sheets" in text
    assert text.count("ompressed for this page") == 1 + text.count("Compressed for this page")
    assert text.count('src="data:image/jpeg;base64,') == MOST_SAMPLES + 1


@pytest.fixture
def opened(tmp_path: Path, browser):
    """Opens a page offline; at the end, nothing was asked for and nothing complained of."""
    contexts, complaints = [], []

    def open_page(path: Path, **options):
        options = {"viewport": {"width": 1200, "height": 900}} | options
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
        page.on(
            "request",
            lambda r: complaints.append(r.url) if r.url[:5] not in ("file:", "data:") else None,
        )
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def colours(page) -> list[int]:
    """The brightness of the page's ground and of its text."""
    page.evaluate("window.scrollTo(0, 0)")
    pixels = read_image(page.screenshot())[..., :3].mean(-1)
    ground = np.median(pixels)
    return [ground, pixels.flat[np.abs(pixels - ground).argmax()]]


def assert_is_drawn_for(scheme: str, drawing) -> None:
    """Checks the pixels of two curves, of the ink of axes and text, and of what lies behind."""
    pixels = read_image(drawing.screenshot())[..., :3].astype(int)
    ground = np.median(pixels)
    assert ground == 255 if scheme == "light" else ground < 60
    for colour in ((0x2A, 0x6F, 0xDB), (0xC2, 0x55, 0x2D)):
        assert (np.abs(pixels - colour).max(-1) < 12).sum() > 50
    grey = pixels.mean(-1)[np.ptp(pixels, axis=-1) < 12]
    assert (np.abs(grey - ground) > 150).sum() > 100


def test_a_browser_shows_all_of_it_at_any_width_in_light_and_dark(tmp_path: Path, opened) -> None:
    path, _ = write(tmp_path, name="a-very-long-name-without-any-place-to-break" * 3)
    for scheme, width in (("light", 1200), ("dark", 390), ("dark", 1200), ("light", 320)):
        viewport = {"width": width, "height": 800}
        page = opened(path, color_scheme=scheme, viewport=viewport)
        images = page.locator("img").evaluate_all(
            "all => all.map(i => [i.complete, i.naturalWidth, i.clientWidth])"
        )
        assert len(images) == 4
        assert all(complete and natural > 0 and shown > 50 for complete, natural, shown in images)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        ground, text = colours(page)
        assert (ground > 230 and text < 100) if scheme == "light" else (ground < 60 and text > 150)
        drawings = page.get_by_role("img", name="over steps. At the end: ")
        assert drawings.count() == 3
        for drawing in drawings.all():
            assert min(width - 40, 300) < drawing.bounding_box()["width"] < width
        assert_is_drawn_for(scheme, drawings.nth(1))


def test_no_text_of_a_drawing_is_cut_off(tmp_path: Path, opened) -> None:
    steps = np.arange(1, 101) * 1000
    falling = 10 * np.exp(-np.arange(100) / 15)  # On a logarithmic axis, whose label is longer.
    names = ("generator_loss", "cycle_loss_a", "cycle_loss_b", "generator_gradient_norm")
    path, _ = write(tmp_path, steps=steps, metrics=dict.fromkeys(names, falling))
    for width in (1200, 390):
        page = opened(path, viewport={"width": width, "height": 900})
        found = page.locator(".plots svg").evaluate_all(
            """all => all.flatMap(svg => {
                const frame = svg.getBoundingClientRect();
                return [...svg.querySelectorAll('text')].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.left < frame.left - 1 || box.right > frame.right + 1
                        || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
                }).map(text => text.textContent);
            })"""
        )
        assert found == []


def test_the_slider_shows_one_step_at_a_time(tmp_path: Path, opened) -> None:
    page = opened(write(tmp_path)[0])
    visible = page.locator(".strip figure.shown")
    label, slider = page.locator(".player output"), page.locator("#moment")
    assert (visible.count(), visible.get_attribute("data-step")) == (1, "10")
    assert label.inner_text() == "step 10"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert (visible.get_attribute("data-step"), label.inner_text()) == ("5", "step 5")
    page.keyboard.press("Home")
    assert label.inner_text() == "step 0"
    # What lies beneath is not seen: the middle of the strip has this step's level.
    frame = page.locator(".strip")
    frame.scroll_into_view_if_needed()
    shot = read_image(frame.screenshot())
    assert shot[shot.shape[0] // 2, shot.shape[1] // 2].tolist() == [0, 0, 0]
    play, expect = page.locator("#play"), pytest.importorskip("playwright.sync_api").expect
    play.click()
    expect(label).to_have_text("step 10")
    expect(play).to_have_text("Play")
    play.click()  # From the end, it begins anew.
    expect(label).to_have_text("step 5")


def test_without_scripts_all_steps_stand_in_a_strip(tmp_path: Path, opened) -> None:
    page = opened(write(tmp_path)[0], java_script_enabled=False)
    assert not page.locator(".player").is_visible()
    assert [figure.is_visible() for figure in page.locator(".strip figure").all()] == [True] * 3
    assert page.locator(".strip figcaption").all_inner_texts() == ["step 0", "step 5", "step 10"]
    assert page.locator(".plots svg").first.is_visible()
