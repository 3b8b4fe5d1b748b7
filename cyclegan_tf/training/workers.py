"""Workers: the processes of one run, on one machine or several, configured by `TF_CONFIG`.

Does not import TensorFlow, so that errors are reported without waiting for it.
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
    """The workers of a run, and the index of this process. The default is a single process.

    Args:
        addresses: `host:port` of each worker; the host is a name or an IPv4 address. The first is
            the chief, the only worker that writes files.
        index: Index of this process in `addresses`.
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
        """Addresses of all other workers."""
        return [a for i, a in enumerate(self.addresses) if i != self.index]

    def meet(self, seconds: float) -> None:
        """Wait until every other worker listens at its address.

        TensorFlow would wait for an hour without reporting which worker is missing.

        Args:
            seconds: Longest time to wait.

        Raises:
            UserError: If a worker is still missing then, or this process' port is in use.
        """
        deadline = time.monotonic() + seconds
        with _listening(self.addresses[self.index]):
            missing = absent(self.others)
            if missing:
                _log.info("waiting for %s, at most %g s", ", ".join(missing), seconds)
            while missing:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"no worker answers at {', '.join(missing)} after {seconds:g} s: start the "
                        "same command on every machine of TF_CONFIG, and check addresses and "
                        "firewalls; `wait_for_workers` sets how long to wait"
                    )
                time.sleep(0.2)
                missing = absent(missing)


def find_workers(environment: Mapping[str, str] = os.environ) -> Workers:
    """Read `TF_CONFIG`: addresses by role in `cluster`, and this process' index in `task`.

    Args:
        environment: Environment variables by name.

    Returns:
        The workers; a single process if `TF_CONFIG` is missing or names one worker.

    Raises:
        UserError: If `TF_CONFIG` is malformed or unsupported.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        return Workers()
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"TF_CONFIG is not valid JSON: {error}") from None
    cluster, task = (data.get(k) if isinstance(data, dict) else None for k in ("cluster", "task"))
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise UserError('TF_CONFIG needs the objects "cluster" and "task"; see docs/distributed.md')
    if unknown := sorted({*cluster, str(task.get("type"))} - {"chief", "worker"}):
        raise UserError(
            f"TF_CONFIG has the role {' and '.join(unknown)}; supported roles are chief and worker"
        )
    chiefs, workers = (_addresses(cluster.get(role, []), role) for role in ("chief", "worker"))
    if len(chiefs) > 1:
        raise UserError(f"TF_CONFIG has {len(chiefs)} chiefs; expected at most one")
    addresses = (*chiefs, *workers)
    if len(set(addresses)) != len(addresses):
        raise UserError(f"TF_CONFIG names an address twice: {', '.join(addresses)}")
    mine = chiefs if task["type"] == "chief" else workers
    index = task.get("index")
    if type(index) is not int or not 0 <= index < len(mine):
        raise UserError(
            f"TF_CONFIG has no {task['type']} {index} among {len(mine)}; expected an index from 0"
        )
    if len(addresses) == 1:
        return Workers()
    return Workers(addresses, addresses.index(mine[index]))


def absent(addresses: list[str]) -> list[str]:
    """Return the addresses at which no worker answers."""
    return [address for address in addresses if not _answers(address)]


def _addresses(given: Any, role: str) -> list[str]:
    if not isinstance(given, list):
        raise UserError(f"TF_CONFIG: expected a list of addresses for {role}, not {given!r}")
    for address in given:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not (host and port.isdecimal() and 0 < int(port) < 2**16):
            raise UserError(f"TF_CONFIG: {address!r} is not an address; expected host:port")
        if ":" in host:
            raise UserError(
                f"TF_CONFIG: {address!r} is an IPv6 address, but workers support only IPv4; "
                "use a host name or an IPv4 address"
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
    """Listen at the port that TensorFlow will use, so that other workers see this process."""
    port = _split(address)[1]
    try:
        listener = socket.create_server(("", port), backlog=64)
    except OSError as error:
        raise UserError(
            f"TF_CONFIG: cannot listen on port {port} ({error.strerror}); is another run "
            "or worker using it?"
        ) from None
    with listener:
        yield
