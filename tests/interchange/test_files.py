"""Checkpoint files: found by name, read without running them, written whole."""

import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.interchange.files import find_networks, read_tensors, write_tensors

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch`)")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


def names(source: Path) -> dict[str, str]:
    return {network: path.name for network, path in find_networks(source).items()}


def test_latest_comes_before_other_epochs(tmp_path: Path) -> None:
    touch(tmp_path, "latest_net_G_A.pth", "latest_net_D_B.pth", "5_net_G_A.pth", "loss_log.txt")
    assert names(tmp_path) == {"G_A": "latest_net_G_A.pth", "D_B": "latest_net_D_B.pth"}


def test_a_single_epoch_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, "200_net_G.pth", "200_net_D.pth")
    assert names(tmp_path) == {"G": "200_net_G.pth", "D": "200_net_D.pth"}


def test_a_copy_for_testing_one_direction_is_left_aside(tmp_path: Path) -> None:
    touch(tmp_path, "latest_net_G_A.pth", "latest_net_G_B.pth", "latest_net_G.pth")
    assert set(names(tmp_path)) == {"G_A", "G_B"}


@pytest.mark.parametrize(
    ("name", "network"),
    [("latest_net_G.pth", "G"), ("latest_net_G_B.pth", "G_B"), ("horse2zebra.pth", "G")],
)
def test_a_single_file_says_what_it_is(tmp_path: Path, name: str, network: str) -> None:
    assert names(touch(tmp_path, name) / name) == {network: name}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "holds no generator"),
        (("latest_net_D_A.pth",), "holds no generator"),
        (("5_net_G.pth", "10_net_G.pth"), "the epochs 10, 5 but not latest"),
        (("latest_net_G_A.pth", "latest_net_D.pth"), "mixes a CycleGAN's latest_net_G_A.pth"),
    ],
)
def test_folders_without_one_clear_set_are_refused(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        find_networks(touch(tmp_path, *files))


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is neither a folder nor a file"):
        find_networks(tmp_path / "nowhere")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
def test_tensors_are_read_as_float32(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pth"
    content = OrderedDict(a=torch.tensor([[1.5, -2.0]]), b=torch.tensor(3), c=torch.ones(2).half())
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    tensors = read_tensors(path)
    assert {key: value.tolist() for key, value in tensors.items()} == {
        "a": [[1.5, -2.0]],
        "b": 3.0,
        "c": [1.0, 1.0],
    }
    assert {value.dtype for value in tensors.values()} == {np.dtype(np.float32)}


def test_the_prefix_of_several_gpus_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"module.model.1.weight": torch.ones(1), "module.a": torch.ones(1)}, path)
    assert set(read_tensors(path)) == {"model.1.weight", "a"}


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_malicious_file_is_not_run(tmp_path: Path, writer: str) -> None:
    path, victim = tmp_path / "w.pth", tmp_path / "victim"
    content = {"model.1.weight": torch.ones(1), "x": Payload(f"touch {victim}")}
    if writer == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps({"x": content["x"]}))
    with pytest.raises(UserError, match=r"w\.pth (requests posix\.system|is damaged)"):
        read_tensors(path)
    assert not victim.exists()


def test_a_whole_pickled_network_is_refused_by_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"requests torch\.nn\.modules\.conv\.Conv2d"):
        read_tensors(tmp_path / "w.pth")


def damaged(path: Path, kind: str) -> None:
    torch.save({"a": torch.ones(1000)}, path)
    whole = path.read_bytes()
    content = {"truncated": whole[: len(whole) // 2], "text": b"not weights\n", "empty": b""}
    path.write_bytes(content[kind])


@pytest.mark.parametrize("kind", ["truncated", "text", "empty"])
def test_damaged_files_are_named(tmp_path: Path, kind: str) -> None:
    damaged(tmp_path / "w.pth", kind)
    with pytest.raises(UserError, match=r"w\.pth is damaged or not a PyTorch weights") as caught:
        read_tensors(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "holds a list, not a network's state_dict"),
        ({}, "holds a dict"),
        ({"epoch": 3, "w": torch.ones(1)}, "'epoch' holds a int, not a tensor"),
        ({0: torch.ones(1)}, "0 holds a Tensor"),
        ({"w": torch.ones(2).to_sparse()}, "w is not a plain tensor"),
        ({"w": torch.ones(1).expand(10**6, 10**6)}, "claims more numbers than it holds"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match=message):
        read_tensors(tmp_path / "w.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*w\.pth: No such file"):
        read_tensors(tmp_path / "w.pth")


def test_without_pytorch_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"pip install 'cyclegan_tf\[torch\]'"):
        read_tensors(tmp_path / "w.pth")


@pytest.mark.parametrize("version", ["2.9.1+cu121", "1.13.0"])
def test_an_old_pytorch_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(UserError, match=r"too old .* 2\.10 or later"):
        read_tensors(tmp_path / "w.pth")


def test_what_is_written_is_plain_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array(7, np.int64)}
    write_tensors(folder, {"w.pth": arrays})
    loaded = torch.load(folder / "w.pth", weights_only=True)
    assert type(loaded) is OrderedDict
    assert list(loaded) == ["b", "a"]
    assert loaded["a"].dtype == torch.int64 and loaded["a"].shape == ()
    assert np.array_equal(read_tensors(folder / "w.pth")["b"], arrays["b"])
    assert [file.name for file in folder.iterdir()] == ["w.pth"]


WEIGHTS = {"w": np.zeros(1, np.float32)}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b.pth").write_text("mine")
    with pytest.raises(UserError, match=r"b\.pth already exists"):
        write_tensors(tmp_path, {"a.pth": WEIGHTS, "b.pth": WEIGHTS})
    assert (tmp_path / "b.pth").read_text() == "mine"
    assert not (tmp_path / "a.pth").exists()


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "b.pth.partial").mkdir()
    with pytest.raises(UserError, match="cannot write to .*: Is a directory"):
        write_tensors(tmp_path, {"a.pth": WEIGHTS, "b.pth": WEIGHTS})
    assert [path.name for path in tmp_path.iterdir()] == ["b.pth.partial"]


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to .*file"):
        write_tensors(tmp_path / "file", {"a.pth": WEIGHTS})
