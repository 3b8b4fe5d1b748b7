"""Several workers: the processes of one run, on one machine or several, as `TF_CONFIG` says.

Needs no TensorFlow, so that mistakes are answered before that is imported.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cyclegan_tf.errors import UserError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workers:
    """The workers of a run, and which of them this process is. By default, it is alone.

    Args:
        addresses: `host:port` of each, where the host is a name or an IPv4 address. The first is
            the chief, which alone writes.
        index: Of this process.
    """

    addresses: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def count(self) -> int:
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    @property
    def others(self) -> list[str]:
        """Addresses of all but this process."""
        return [a for i, a in enumerate(self.addresses) if i != self.index]

    def meet(self, seconds: float) -> None:
        """Waits until each of the others has been seen to listen at its address.

        TensorFlow would wait for an hour, and not say for whom.

        Args:
            seconds: How long to wait.

        Raises:
            UserError: If one has not come by then, or this process' own port is taken.
        """
        deadline = time.monotonic() + seconds
        with _listening(self.addresses[self.index]):
            missing = absent(self.others)
            if missing:
                _log.info("waiting for %s, at most %g s", ", ".join(missing), seconds)
            while missing:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"after {seconds:g} s nobody answers at {', '.join(missing)}: start the "
                        "same command on every machine of TF_CONFIG, and look at addresses and "
                        "firewalls; `wait_for_workers` sets how long to wait"
                    )
                time.sleep(0.2)
                missing = absent(missing)


def find_workers(environment: Mapping[str, str] = os.environ) -> Workers:
    """Reads `TF_CONFIG`: addresses by role in `cluster`, and this process' place in `task`.

    Args:
        environment: Variables by name.

    Returns:
        A process that is alone if there is no `TF_CONFIG`, or it names one worker.

    Raises:
        UserError: If it says anything that this cannot be run by.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        return Workers()
    try:
        said = json.loads(text)
    except ValueError as error:
        raise UserError(f"TF_CONFIG is no JSON: {error}") from None
    cluster, task = (said.get(k) if isinstance(said, dict) else None for k in ("cluster", "task"))
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise UserError('TF_CONFIG needs the objects "cluster" and "task"; see docs/distributed.md')
    if unknown := sorted({*cluster, str(task.get("type"))} - {"chief", "worker"}):
        raise UserError(
            f"TF_CONFIG has the role {' and '.join(unknown)}; a run knows chief and worker alone"
        )
    chiefs, workers = (_addresses(cluster.get(role, []), role) for role in ("chief", "worker"))
    if len(chiefs) > 1:
        raise UserError(f"TF_CONFIG has {len(chiefs)} chiefs; one can be the chief")
    addresses = (*chiefs, *workers)
    if len(set(addresses)) != len(addresses):
        raise UserError(f"TF_CONFIG names an address twice: {', '.join(addresses)}")
    mine = chiefs if task["type"] == "chief" else workers
    index = task.get("index")
    if type(index) is not int or not 0 <= index < len(mine):
        raise UserError(
            f"TF_CONFIG: there is no {task['type']} {index} among {len(mine)}; expected an "
            "index from 0 on"
        )
    if len(addresses) == 1:
        return Workers()
    return Workers(addresses, addresses.index(mine[index]))


def absent(addresses: list[str]) -> list[str]:
    """Returns the addresses at which nobody answers."""
    return [address for address in addresses if not _answers(address)]


def _addresses(given: Any, role: str) -> list[str]:
    if not isinstance(given, list):
        raise UserError(f"TF_CONFIG: expected a list of addresses for {role}, not {given!r}")
    for address in given:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not (host and port.isdecimal() and 0 < int(port) < 2**16):
            raise UserError(f"TF_CONFIG: {address!r} is no address; expected host:port")
        if ":" in host:
            raise UserError(
                f"TF_CONFIG: {address!r} is an IPv6 address, and workers meet over IPv4 alone; "
                "give a name or an IPv4 address"
            )
    return given


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _answers(address: str) -> bool:
    try:
        socket.create_connection(_split(address), timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def _listening(address: str) -> Iterator[None]:
    """Lets others see that this process is there, where TensorFlow is going to listen."""
    port = _split(address)[1]
    try:
        listener = socket.create_server(("", port), backlog=64)
    except OSError as error:
        raise UserError(
            f"TF_CONFIG: cannot listen on port {port} ({error.strerror}); is another run, or "
            "another worker, there already?"
        ) from None
    with listener:
        yield
