"""Convert a run from or to checkpoints of the official PyTorch code.

Reads and writes checkpoints of CycleGAN and pix2pix. Needs the extra `torch`.

    python -m cyclegan_tf.convert --from_pytorch=checkpoints/horse2zebra --workdir=runs/horse2zebra
    python -m cyclegan_tf.convert --workdir=runs/horse2zebra --to_pytorch=checkpoints/horse2zebra
"""

from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError
from cyclegan_tf.runs.workdir import Workdir


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status, 0."""
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add(
        "from_pytorch",
        str,
        "",
        "Folder with latest_net_G_A.pth, latest_net_G_B.pth, latest_net_D_A.pth and "
        "latest_net_D_B.pth, or latest_net_G.pth and latest_net_D.pth; or the file of one "
        "generator. The run is written to --workdir.",
    )
    line.add("to_pytorch", str, "", "Folder for such files, converted from --workdir at --step.")
    line.parse(arguments)
    workdir = line.required("workdir")
    source, target = line["from_pytorch"], line["to_pytorch"]
    if bool(source) == bool(target):
        raise UserError("give one of --from_pytorch and --to_pytorch")
    if source and line["step"] is not None:
        raise UserError("--step applies to --to_pytorch only")

    cli.import_tensorflow()
    if source:
        _read(source, workdir)
    else:
        _write(workdir, target, line["step"])
    return 0


def _read(source: str, workdir: str) -> None:
    from cyclegan_tf.runs.conversion import from_pytorch

    for name, file in from_pytorch(source, workdir).items():
        print(f"{name}: {file}")
    config = Workdir(Path(workdir)).stored_config()
    if config is not None:
        options = ("model", "generator", "filters", "norm", "dropout")
        found = " ".join(f"--{option}={getattr(config.model, option)}" for option in options)
        print(f"recognized: {found}\nrun: {workdir}")


def _write(workdir: str, target: str, step: int | None) -> None:
    from cyclegan_tf.runs.conversion import to_pytorch

    written = to_pytorch(workdir, target, step)
    for name, file in written.files.items():
        averaged = ", the moving average of --ema" if name.startswith("average") else ""
        print(f"{file}: {name}{averaged}")
    print(f"options of the PyTorch code: {written.options}")


if __name__ == "__main__":
    cli.run(main)
