"""What a run shows of itself: a progress bar, pictures on the way and the curve of its losses."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cyclegan_tf.images.images import write_image
from cyclegan_tf.neural_style.transfer import Progress
from cyclegan_tf.progress import progress_bar


class Recorder:
    """Follows a run of `stylize`, inside `with`; at its end, the curve is drawn.

    Args:
        output: The picture's file. Beside it are written `NAME_losses.png` and, on the way,
            `NAME_000100.png` and so on, in the picture's format.
        iterations: How many there will be.
        save_every: Iterations between pictures; 0 is none.
    """

    def __init__(self, output: Path, iterations: int, save_every: int = 0) -> None:
        self._output, self._save_every = output, save_every
        self._bar = progress_bar(total=iterations, desc="painting", unit="it", leave=False)
        self._losses: list[dict[str, float]] = []
        self.latest: Progress | None = None
        self.curve = output.with_name(f"{output.stem}_losses.png")

    def __call__(self, progress: Progress) -> None:
        """Takes note of an iteration."""
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
