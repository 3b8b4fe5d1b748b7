"""Checkpoint files of the official PyTorch code: finding, safe reading and writing."""

import contextlib
import io
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.errors import UserError

_NAME = re.compile(r"(?P<epoch>.+)_net_(?P<network>[GD](?:_[AB])?)\.pth")


def find_networks(source: Path) -> dict[str, Path]:
    """Find the checkpoint files of one epoch, preferably `latest`.

    Args:
        source: A folder with `latest_net_G_A.pth` and so on; or the file of one generator.

    Returns:
        The files by the official names of their networks: `G_A`, `D_A`, `G_B`, `D_B`, or `G`
        and `D`. A single file with another kind of name is `G`.

    Raises:
        UserError: If there is no generator, or the epoch is ambiguous.
    """
    if source.is_file():
        match = _NAME.fullmatch(source.name)
        return {match["network"] if match else "G": source}
    if not source.is_dir():
        raise UserError(f"{source} is neither a folder nor a file")
    epochs: dict[str, dict[str, Path]] = {}
    for path in sorted(source.iterdir()):
        if match := _NAME.fullmatch(path.name):
            epochs.setdefault(match["epoch"], {})[match["network"]] = path
    if len(epochs) > 1 and "latest" not in epochs:
        raise UserError(
            f"{source} holds the epochs {', '.join(epochs)} but not latest; "
            "keep only one of them in the folder"
        )
    found = epochs.get("latest") or next(iter(epochs.values()), {})
    lettered = [network for network in found if "_" in network]
    if lettered and "D" in found:
        raise UserError(
            f"{source} mixes a CycleGAN's {found[lettered[0]].name} with a pix2pix's "
            f"{found['D'].name}; keep only one of the two in the folder"
        )
    if lettered:
        # The official instructions for translating in one direction are to copy G_A to G.
        found.pop("G", None)
    if not any(network.startswith("G") for network in found):
        raise UserError(
            f"{source} holds no generator: expected latest_net_G_A.pth and latest_net_G_B.pth of "
            "a CycleGAN, or latest_net_G.pth of a pix2pix"
        )
    return found


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read a `state_dict` safely: any other content is rejected without being loaded or run.

    Args:
        path: A file written by `torch.save`.

    Returns:
        float32 arrays by key, without the prefix `module.` that old versions of the official code
        added on several GPUs.

    Raises:
        UserError: If PyTorch is missing, or the file holds anything but plain tensors.
    """
    torch = _torch()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # PyTorch's reader raises almost every type.
        if found := re.search(r"GLOBAL (\S+)", str(error)):
            raise UserError(
                f"{path} requests {found[1]}, which weights do not need; it was rejected and "
                "nothing in it was run"
            ) from None
        raise UserError(
            f"{path} is damaged or not a PyTorch weights file; download or save it again"
        ) from None
    _check_content(path, content)
    wrapped = all(key.startswith("module.") for key in content)
    return {
        key.removeprefix("module.") if wrapped else key: tensor.detach().float().numpy()
        for key, tensor in content.items()
    }


def write_tensors(folder: Path, files: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write files of tensors; all are completely on disk before the first is renamed into place.

    Args:
        folder: Output folder; created if missing.
        files: Arrays by key, for each file name.

    Raises:
        UserError: If PyTorch is missing, or a file already exists or cannot be written.
    """
    torch = _torch()
    if taken := [folder / name for name in files if (folder / name).exists()]:
        raise UserError(f"{taken[0]} already exists; remove it, or choose another folder")
    partial = {name: folder / f"{name}.partial" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, arrays in files.items():
            # When PyTorch fails to write to disk, its error lacks the reason.
            whole = io.BytesIO()
            torch.save(OrderedDict((k, torch.from_numpy(v)) for k, v in arrays.items()), whole)
            partial[name].write_bytes(whole.getbuffer())
        for name in files:
            partial[name].replace(folder / name)
    except OSError as error:
        for path in partial.values():
            with contextlib.suppress(OSError):
                path.unlink()
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise UserError(
            "checkpoints of the PyTorch code require PyTorch: pip install 'cyclegan_tf[torch]'"
        ) from None
    version = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
    # Earlier versions have known vulnerabilities in reading untrusted files.
    if version < (2, 10):
        raise UserError(
            f"PyTorch {torch.__version__} is too old to read untrusted files safely; "
            "2.10 or later is required: pip install 'cyclegan_tf[torch]'"
        )
    return torch


def _check_content(path: Path, content: Any) -> None:
    torch = _torch()
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path} holds a {type(content).__name__}, not a network's state_dict")
    for key, tensor in content.items():
        if not isinstance(key, str) or not isinstance(tensor, torch.Tensor):
            raise UserError(
                f"{path} is not a network's state_dict: {key!r} holds a {type(tensor).__name__}, "
                "not a tensor"
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise UserError(f"{path}: {key} is not a plain tensor of real numbers")
    # A tensor of stride 0 may claim any shape with a single number.
    if sum(tensor.nbytes for tensor in content.values()) > path.stat().st_size:
        raise UserError(f"{path} is damaged: it claims more numbers than it holds")
