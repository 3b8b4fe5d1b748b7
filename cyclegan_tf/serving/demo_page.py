"""A page to try a trained model: an image goes in, its translation comes out.

This package decodes the images. Gradio only stores uploaded files and shows the results.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# Gradio reads these when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import ImageFunction, read_image, resize
from cyclegan_tf.images.sheets import shortened

# Gradio's default theme would download fonts.
_THEME = gr.themes.Default(
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
_CSS = """
/* Small images fill their frames. */
#cycled img, #painted img { width: 100%; height: 100%; object-fit: contain }
/* All examples fit: no inner scroll bar cuts them off. */
#examples, #examples .grid-wrap {
  height: auto; min-height: 0; max-height: none; overflow: visible;
}
#examples .grid-container { grid-template-columns: repeat(auto-fill, minmax(4.5rem, 1fr)); }
/* On a phone, the translation comes first. */
@media (max-width: 45rem) { #shown { order: -1; } }
"""


def build(
    title: str,
    translate: Mapping[str, ImageFunction],
    examples: Mapping[str, Sequence[np.ndarray]],
    paint: Mapping[str, ImageFunction] | None = None,
    max_side: int = 1024,
    channels: Mapping[str, int] | None = None,
    names: tuple[str, str] = ("A", "B"),
) -> gr.Blocks:
    """Lay out the page; it opens with the first example already translated.

    Args:
        title: What the model does.
        translate: By direction, `a2b` and perhaps `b2a`: a function from uint8 `(height, width,
            channels)` to uint8 of the same size. With both, translations are also translated back.
        examples: Images to pick from, by the direction in which they can be translated.
        paint: The same by another method, on request, if there is one; may raise `UserError`.
        max_side: Larger images are reduced so that their longer side has this many pixels.
        channels: Number of channels of the images, by direction; 3 by default.
        names: The names of domains A and B that people read.

    Returns:
        The page, for `serve`.
    """

    def labels(direction: str) -> tuple[str, str]:
        source, target = Direction(direction).ordered(*map(shortened, names))
        return f"{source} → {target}", f"→ {source} again"

    def show(picture: np.ndarray | None, direction: str) -> tuple[Any, Any, Any, str]:
        there, again = labels(direction)
        if picture is None:
            return gr.ImageSlider(None, label=there), gr.Image(None, label=again), None, ""
        start = time.perf_counter()
        translated = _told(translate[direction], picture)
        note = f"{picture.shape[1]} x {picture.shape[0]} pixels, translated in "
        note += f"{1000 * (time.perf_counter() - start):.0f} ms"
        back = translate.get(Direction(direction).opposite)
        cycled = None if back is None else _told(back, translated)
        slider = gr.ImageSlider((_shown(picture), _shown(translated)), label=there)
        return slider, gr.Image(_shown(cycled), label=again), None, note

    def upload(path: str | None, direction: str) -> np.ndarray | None:
        if path is None:
            return None
        picture = _told(lambda p: read_image(p, (channels or {}).get(direction, 3)), path)
        return resize(picture, max_side) if max(picture.shape[:2]) > max_side else picture

    def pick(direction: str, chosen: gr.SelectData) -> np.ndarray:
        return examples[direction][chosen.index]

    def gallery_of(direction: str) -> gr.Gallery:
        pictures = [_shown(picture) for picture in examples.get(direction, ())]
        return gr.Gallery(pictures, visible=bool(pictures), selected_index=None)

    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown(f"# {title}")
        picture = gr.State(None)
        with gr.Row():
            arrows = {name: labels(name)[0] for name in translate}
            direction, file, gallery = _choices(arrows, examples)
            slider, cycled, painted, note, ask = _results(len(translate) > 1, bool(paint))
        results = [slider, cycled, painted, note]
        file.change(upload, [file, direction], picture).success(show, [picture, direction], results)
        gallery.select(pick, direction, picture).success(show, [picture, direction], results)
        direction.change(show, [picture, direction], results)
        direction.change(gallery_of, direction, gallery)
        if paint:
            ask.click(lambda p, d: _paint(paint[d], p), [picture, direction], painted)
        if first := examples.get(next(iter(translate)), ()):
            page.load(lambda: first[0], None, picture).success(show, [picture, direction], results)
    # One image at a time: each uses all cores.
    return page.queue(max_size=16, default_concurrency_limit=1, api_open=False)


def serve(
    page: gr.Blocks, host: str, port: int | None, max_megabytes: int, block: bool = True
) -> str:
    """Serve a page until Ctrl-C.

    Args:
        page: What `build` returned.
        host: Address to listen on; only this machine reaches `127.0.0.1`.
        port: Port to listen on; by default, the first free one from 7860.
        max_megabytes: Size of the largest file that can be uploaded.
        block: Whether to wait here; otherwise, the server runs until `page.close()`.

    Returns:
        The address of the page.

    Raises:
        UserError: If the port is taken.
    """
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            max_file_size=f"{max_megabytes}mb",
            theme=_THEME,
            css=_CSS,
            footer_links=[],
            enable_monitoring=False,
            mcp_server=False,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}, port {port or 'from 7860 on'}: {error}"
        ) from None
    if block:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        page.block_thread()
    return address


def _choices(
    arrows: Mapping[str, str], examples: Mapping[str, Sequence[np.ndarray]]
) -> tuple[gr.Radio, gr.File, gr.Gallery]:
    """Lay out the inputs: the direction, a file, or one of the examples."""
    directions = list(arrows)
    with gr.Column(scale=1, min_width=240):
        direction = gr.Radio(
            [(arrow, name) for name, arrow in arrows.items()],
            value=directions[0],
            label="Direction",
            visible=len(directions) > 1,
        )
        file = gr.File(label="Your image", height=140, elem_id="upload")
        gr.Markdown("Or one of these:", visible=bool(examples))
        gallery = gr.Gallery(
            [_shown(picture) for picture in examples.get(directions[0], ())],
            visible=bool(examples),
            elem_id="examples",
            columns=3,
            height="auto",
            show_label=False,
            allow_preview=False,
            format="png",
            buttons=[],
        )
    return direction, file, gallery


def _results(cycles: bool, paints: bool) -> tuple[Any, ...]:
    """Lay out the results (slider, cycle, neural style, note) and the button for neural style."""
    with gr.Column(scale=2, elem_id="shown"):
        slider = gr.ImageSlider(
            label="Before and after", format="png", interactive=False, elem_id="result"
        )
        note = gr.Markdown(elem_id="note")
        with gr.Row():
            cycled = _image("Translated back", "cycled", visible=cycles)
            with gr.Column(visible=paints):
                painted = _image("Neural style", "painted")
                ask = gr.Button("Run neural style (takes a while)", elem_id="paint")
    return slider, cycled, painted, note, ask


def _image(label: str, elem_id: str, visible: bool = True) -> gr.Image:
    # No button to share: it would upload the image.
    return gr.Image(
        label=label,
        elem_id=elem_id,
        visible=visible,
        height=300,
        format="png",
        interactive=False,
        buttons=["download", "fullscreen"],
    )


def _told(method: Callable[[Any], np.ndarray], given: Any) -> np.ndarray:
    """Call a method and show a `UserError` on the page."""
    try:
        return method(given)
    except UserError as error:
        # Hide where Gradio stored the uploaded file.
        message = str(error).replace(given, "the file") if isinstance(given, str) else str(error)
        raise gr.Error(message, print_exception=False) from None


def _paint(method: ImageFunction, picture: np.ndarray | None) -> np.ndarray:
    if picture is None:
        raise gr.Error("Choose an image first.", print_exception=False)
    return _shown(_told(method, picture))


def _shown(picture: np.ndarray | None) -> Any:
    """Convert an image for Gradio, which wants grey images without a channel axis."""
    if picture is None:
        return None
    return picture[..., 0] if picture.shape[-1] == 1 else picture
