"""A page to try a trained model on: a picture in, its translation and what else there is to see.

Pictures are decoded by this package and not by Gradio, which is told only where uploaded bytes
lie and what to show.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# Gradio asks for these when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import ImageFunction, read_image, resize

# Its own default fetches fonts from elsewhere.
_THEME = gr.themes.Default(
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
# Small pictures fill their frames, with the pixels they have.
_CSS = "#cycled img, #painted img { width: 100%; height: 100%; object-fit: contain }"


def build(
    title: str,
    translate: Mapping[str, ImageFunction],
    examples: Mapping[str, Sequence[np.ndarray]],
    paint: Mapping[str, ImageFunction] | None = None,
    max_side: int = 1024,
    channels: Mapping[str, int] | None = None,
) -> gr.Blocks:
    """Lays out the page.

    Args:
        title: What the model does.
        translate: By direction, `a2b` and perhaps `b2a`: uint8 `(height, width, channels)` to
            uint8 of the same size. With both, a translation is also translated back.
        examples: Pictures to pick from, by the direction they can be translated in.
        paint: The same by another method, on request, if there is one; may raise `UserError`.
        max_side: Larger pictures are made smaller, so that the longer side has so many pixels.
        channels: Of the pictures, by direction; 3 by default.

    Returns:
        The page, to be given to `serve`.
    """

    def show(picture: np.ndarray | None, direction: str) -> tuple[Any, Any, Any, str]:
        if picture is None:
            return None, None, None, ""
        start = time.perf_counter()
        translated = _told(translate[direction], picture)
        note = f"{picture.shape[1]} x {picture.shape[0]} pixels, translated in "
        note += f"{1000 * (time.perf_counter() - start):.0f} ms"
        back = translate.get(Direction(direction).opposite)
        cycled = None if back is None else _told(back, translated)
        return (_shown(picture), _shown(translated)), _shown(cycled), None, note

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
            direction, file, gallery = _choices(list(translate), examples)
            slider, cycled, painted, note, ask = _results(len(translate) > 1, bool(paint))
        results = [slider, cycled, painted, note]
        file.change(upload, [file, direction], picture).success(show, [picture, direction], results)
        gallery.select(pick, direction, picture).success(show, [picture, direction], results)
        direction.change(show, [picture, direction], results)
        direction.change(gallery_of, direction, gallery)
        if paint:
            ask.click(lambda p, d: _paint(paint[d], p), [picture, direction], painted)
    # One picture at a time: each takes all cores by itself.
    return page.queue(max_size=16, default_concurrency_limit=1, api_open=False)


def serve(
    page: gr.Blocks, host: str, port: int | None, max_megabytes: int, block: bool = True
) -> str:
    """Serves a page until Ctrl-C.

    Args:
        page: What `build` returned.
        host: The address to listen on; only this machine reaches `127.0.0.1`.
        port: The port; the first free one from 7860 on by default.
        max_megabytes: The largest file that can be uploaded.
        block: Whether to wait here; otherwise, the server runs until `page.close()`.

    Returns:
        The page's address.

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
    directions: list[str], examples: Mapping[str, Sequence[np.ndarray]]
) -> tuple[gr.Radio, gr.File, gr.Gallery]:
    """Lays out what is asked: the direction, a file, or one of the examples."""
    with gr.Column(scale=1, min_width=240):
        direction = gr.Radio(
            [(Direction(name).arrow(), name) for name in directions],
            value=directions[0],
            label="Direction",
            visible=len(directions) > 1,
        )
        file = gr.File(label="Your picture", elem_id="upload")
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
    """Lays out what comes: before and after, back again, painted, a note; and a button to paint."""
    with gr.Column(scale=2):
        slider = gr.ImageSlider(
            label="Before and after", format="png", interactive=False, elem_id="result"
        )
        note = gr.Markdown(elem_id="note")
        with gr.Row():
            cycled = _image("Translated back", "cycled", visible=cycles)
            with gr.Column(visible=paints):
                painted = _image("Neural style", "painted")
                ask = gr.Button("Paint it by neural style (takes a while)", elem_id="paint")
    return slider, cycled, painted, note, ask


def _image(label: str, elem_id: str, visible: bool = True) -> gr.Image:
    # Without a button to share: that would upload the picture.
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
    """Calls a method; what the user has done wrong is shown on the page."""
    try:
        return method(given)
    except UserError as error:
        # Where Gradio has put an uploaded file is nothing to show.
        message = str(error).replace(given, "the file") if isinstance(given, str) else str(error)
        raise gr.Error(message, print_exception=False) from None


def _paint(method: ImageFunction, picture: np.ndarray | None) -> np.ndarray:
    if picture is None:
        raise gr.Error("Choose a picture first.", print_exception=False)
    return _shown(_told(method, picture))


def _shown(picture: np.ndarray | None) -> Any:
    """Gives Gradio what it can show: grey without its axis of channels."""
    if picture is None:
        return None
    return picture[..., 0] if picture.shape[-1] == 1 else picture
