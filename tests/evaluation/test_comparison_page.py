"""A comparison's page, sheet and JSON; the page in a browser without network."""

import json
import re
from pathlib import Path

import numpy as np

from cyclegan_tf.evaluation.comparison_page import Contest, write_comparison
from cyclegan_tf.evaluation.methods import Comparison, Costs
from cyclegan_tf.images.images import read_image

SETTING = {
    **{"data": "a <b> & c", "direction": "a2b", "domain_pictures": 5},
    "test_pictures_of_the_other_domain": 4,
}


def contest(training: float | None = 1000.0, complete: bool = True) -> Contest:
    rng = np.random.default_rng(0)
    names = ("input", "CycleGAN", "neural style", "truth")
    pictures = {
        name: [rng.integers(0, 256, (24, 32, 3)).astype(np.uint8) for _ in range(3)]
        for name in names
    }
    figures = {
        name: {"content_distance": 0.125, "gram_distance": 0.5, "kid": -0.25}
        | {"kid_standard_error": 0.0625}
        for name in names
    }
    figures["CycleGAN"] |= {"seconds": 0.02, "mae": 3.25, "changed_mae": 9.0, "kept_mae": 1.0}
    costs = Costs(training, "NVIDIA & Co", 10.0, 0.02, 30.0, "CPU, 2 cores")
    style = np.full((9, 9, 3), 99, np.uint8)
    return Contest(
        Comparison(pictures, figures, complete), costs, style, SETTING, ("blond", "<ginger>")
    )


def test_page_sheet_and_figures_are_written(tmp_path: Path) -> None:
    page = write_comparison(tmp_path / "new", contest())
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "comparison.html",
        "comparison.json",
        "comparison.png",
    ]
    found = json.loads(page.with_suffix(".json").read_text())
    assert found["figures"]["CycleGAN"]["mae"] == 3.25
    assert found["costs"]["break_even_pictures"] == 34  # (1000 - 10) / 29.98
    assert found["pictures"] == 3 and found["complete"] is True
    assert read_image(page.with_suffix(".png")).shape[1] > 4 * 96


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    text = write_comparison(tmp_path, contest()).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "://" not in text
    assert text.count('src="data:image/png;base64,') == 3 * 4 + 2
    assert "a &lt;b&gt; &amp; c" in text and "NVIDIA &amp; Co" in text
    assert "blond → &lt;ginger&gt;" in text and "one &lt;ginger&gt; image" in text
    assert '<th scope="col">blond</th>' in text and '<th scope="col">target</th>' in text
    assert "-0.250 ± 0.062" in text


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    text = write_comparison(tmp_path, contest(training=None, complete=False)).read_text()
    assert "not known" in text and "Stopped early" in text
    assert "What it costs" not in text


def test_the_summary_has_figures_and_the_break_even() -> None:
    text = contest().summary()
    assert "seconds per image" in text and "0.020" in text
    assert "Training took 17 min (NVIDIA & Co); then an image takes 20 ms (CPU, 2 cores)." in text
    assert "Training pays off from 34 images on." in text


def test_a_browser_shows_every_picture_offline(tmp_path: Path, browser) -> None:
    path = write_comparison(tmp_path, contest())
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
    page.goto(path.as_uri())
    images = page.locator("img").evaluate_all(
        "all => all.map(i => [i.complete, i.naturalWidth, i.clientWidth])"
    )
    assert len(images) == 14
    assert all(complete and natural > 0 and shown > 50 for complete, natural, shown in images)
    assert page.locator("tbody.figures tr").count() == 7
    assert page.title() == "CycleGAN beside neural style"
    # No part of the page hangs out of the window.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "shot.png")
    assert read_image(tmp_path / "shot.png").std() > 20
    assert complaints == []
    context.close()
