"""The command that converts, as people run it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf import convert, evaluate, translate
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch`)")

import pytorch_reference as pt  # noqa: E402 (it needs PyTorch)


@pytest.fixture
def official(tmp_path: Path) -> Path:
    folder = tmp_path / "official"
    folder.mkdir()
    torch.manual_seed(0)
    for name in ("G_A", "G_B"):
        torch.save(pt.ResnetGenerator(1, filters=3).state_dict(), folder / f"latest_net_{name}.pth")
    for name in ("D_A", "D_B"):
        network = pt.PatchDiscriminator(1, filters=3)
        torch.save(network.state_dict(), folder / f"latest_net_{name}.pth")
    return folder


def test_a_converted_run_translates_is_evaluated_and_goes_back(
    official: Path, tmp_path: Path, picture_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, back = tmp_path / "run", tmp_path / "back"
    assert convert.main(["convert", f"--from_pytorch={official}", f"--workdir={run}"]) == 0
    out = capsys.readouterr().out
    assert f"discriminator_b: {official / 'latest_net_D_A.pth'}" in out
    assert "--model=cyclegan --generator=resnet_1 --filters=3 --norm=instance" in out

    image = np.random.default_rng(0).integers(0, 256, (9, 14, 3)).astype(np.uint8)
    write_image(tmp_path / "in.png", image)
    flags = [f"--input={tmp_path / 'in.png'}", f"--output={tmp_path / 'out'}", "--direction=b2a"]
    assert translate.main(["translate", f"--workdir={run}", *flags]) == 0
    assert read_image(tmp_path / "out" / "in.png").shape == image.shape
    assert evaluate.main(["evaluate", f"--workdir={run}", f"--data={picture_folders}"]) == 0

    assert convert.main(["convert", f"--workdir={run}", f"--to_pytorch={back}"]) == 0
    out = capsys.readouterr().out
    assert f"{back / 'latest_net_G_B.pth'}: generator_ba" in out
    assert "--netG=resnet_1blocks --ngf=3 --norm=instance" in out
    assert sorted(f.name for f in back.iterdir()) == sorted(f.name for f in official.iterdir())


def test_a_single_direction_refuses_the_other(official: Path, tmp_path: Path) -> None:
    file = official / "latest_net_G_A.pth"
    convert.main(["convert", f"--from_pytorch={file}", f"--workdir={tmp_path / 'run'}"])
    flags = [f"--workdir={tmp_path / 'run'}", f"--input={tmp_path}", f"--output={tmp_path / 'o'}"]
    with pytest.raises(UserError, match="translates a2b only"):
        translate.main(["translate", *flags, "--direction=b2a"])


@pytest.mark.parametrize("flags", [(), ("--from_pytorch=x", "--to_pytorch=y")])
def test_one_way_has_to_be_given(flags: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="give one of --from_pytorch and --to_pytorch"):
        convert.main(["convert", "--workdir=w", *flags])


def test_a_step_is_of_a_run() -> None:
    with pytest.raises(UserError, match="--step applies to --to_pytorch only"):
        convert.main(["convert", "--workdir=w", "--from_pytorch=x", "--step=3"])


class Payload:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_a_malicious_file_is_one_line_and_a_status(tmp_path: Path) -> None:
    torch.save({"model.1.weight": Payload(f"touch {tmp_path / 'victim'}")}, tmp_path / "w.pth")
    flags = (f"--from_pytorch={tmp_path / 'w.pth'}", f"--workdir={tmp_path / 'run'}")
    result = subprocess.run(
        [sys.executable, "-m", "cyclegan_tf.convert", *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert "posix.system" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"w.pth"}
