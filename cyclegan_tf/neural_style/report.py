"""Reports a neural style run: progress bar, intermediate images and loss curves."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cyclegan_tf.images.images import write_image
from cyclegan_tf.neural_style.transfer import Progress
from cyclegan_tf.progress import progress_bar


class Recorder:
    """Records a run of `stylize`; a context manager that plots the loss curves on exit.

    Args:
        output: File of the result. The plot is written beside it as `NAME_losses.png`,
            intermediate images as `NAME_000100.png` and so on, in the format of `output`.
        iterations: Total iterations.
        save_every: Iterations between intermediate images; 0 disables them.
    """

    def __init__(self, output: Path, iterations: int, save_every: int = 0) -> None:
        self._output, self._save_every = output, save_every
        self._bar = progress_bar(total=iterations, desc="painting", unit="it", leave=False)
        self._losses: list[dict[str, float]] = []
        self.latest: Progress | None = None
        self.curve = output.with_name(f"{output.stem}_losses.png")

    def __call__(self, progress: Progress) -> None:
        """Record an iteration."""
        self.latest = progress
        self._losses.append(dict(progress.losses))
        shares = {name.replace("relu", ""): f"{loss:.3g}" for name, loss in progress.losses.items()}
        self._bar.set_postfix(shares, refresh=False)
        self._bar.update()
        if self._save_every and progress.iteration % self._save_every == 0:
            name = f"{self._output.stem}_{progress.iteration:06d}{self._output.suffix}"
            write_image(self._output.with_name(name), progress.image)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()
        if self._losses:
            self._draw()

    def _draw(self) -> None:
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for name in self._losses[0]:
            axes.plot(
                range(1, len(self._losses) + 1), [row[name] for row in self._losses], label=name
            )
        axes.set(xlabel="iteration", ylabel="weighted loss", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
        self.curve.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(self.curve)
