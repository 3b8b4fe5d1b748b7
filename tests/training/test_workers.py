"""Workers are read from TF_CONFIG, wait for each other, agree, and say who is missing."""

import json
import socket
import threading
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training.agreement import check_agreement, losing_workers, make_gather
from cyclegan_tf.training.distribution import make_strategy
from cyclegan_tf.training.workers import Workers, find_workers

TWO = Workers(("a:1", "b:2"), 1)


def tf_config(cluster: object, task: object) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def free_addresses(count: int) -> list[str]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in listeners]
    for one in listeners:
        one.close()
    return addresses


@pytest.mark.parametrize(
    "environment",
    [{}, {"TF_CONFIG": " "}, tf_config({"worker": ["a:1"]}, {"type": "worker", "index": 0})],
)
def test_without_others_a_process_is_alone(environment: dict[str, str]) -> None:
    workers = find_workers(environment)
    assert (workers.count, workers.is_chief, workers.others) == (1, True, [])


@pytest.mark.parametrize(
    ("cluster", "task", "index"),
    [
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": 0}, 0),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": 1}, 1),
        ({"worker": ["b:2"], "chief": ["a:1"]}, {"type": "chief", "index": 0}, 0),
        ({"worker": ["b:2"], "chief": ["a:1"]}, {"type": "worker", "index": 0}, 1),
    ],
)
def test_the_chief_comes_first(cluster: object, task: object, index: int) -> None:
    workers = find_workers(tf_config(cluster, task))
    assert workers == Workers(("a:1", "b:2"), index)
    assert workers.is_chief == (index == 0)


WORKER = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TF_CONFIG is not valid JSON"),
        ("[]", 'needs the objects "cluster" and "task"'),
        (json.dumps({"task": WORKER}), 'needs the objects "cluster" and "task"'),
        (json.dumps({"cluster": {"worker": ["a:1", "b:2"]}}), 'objects "cluster" and "task"'),
    ],
)
def test_what_is_no_tf_config_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_workers({"TF_CONFIG": text})


@pytest.mark.parametrize(
    ("cluster", "task", "message"),
    [
        ({"worker": ["a:1", "b:2"], "ps": ["c:3"]}, WORKER, "has the role ps"),
        ({"worker": ["a:1"]}, {"type": "evaluator", "index": 0}, "has the role evaluator"),
        ({"worker": ["a:1", "b:2"]}, {"index": 0}, "has the role None"),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": 2}, "no worker 2 among 2"),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": -1}, "no worker -1 among 2"),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": "0"}, "no worker 0 among 2"),
        ({"worker": ["a:1"]}, {"type": "chief", "index": 0}, "no chief 0 among 0"),
        ({}, WORKER, "no worker 0 among 0"),
        ({"chief": ["a:1", "b:2"]}, {"type": "chief", "index": 0}, "has 2 chiefs"),
        ({"worker": ["a:1", "a:1"]}, WORKER, "names an address twice: a:1, a:1"),
        ({"worker": ["a:1", "b"]}, WORKER, "'b' is not an address; expected host:port"),
        ({"worker": ["a:1", ":2"]}, WORKER, "':2' is not an address"),
        ({"worker": ["a:1", "b:70000"]}, WORKER, "'b:70000' is not an address"),
        ({"worker": ["a:1", 3]}, WORKER, "3 is not an address"),
        ({"worker": ["a:1", "[::1]:2"]}, WORKER, r"'\[::1\]:2' is an IPv6 address"),
        ({"worker": ["a:1", "fe80::1:2"]}, WORKER, "'fe80::1:2' is an IPv6 address"),
        ({"worker": "a:1"}, WORKER, "expected a list of addresses for worker, not 'a:1'"),
    ],
)
def test_what_cannot_be_run_is_refused(cluster: object, task: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_workers(tf_config(cluster, task))


def test_workers_that_come_one_after_the_other_meet() -> None:
    addresses = tuple(free_addresses(3))
    errors: list[Exception] = []

    def meet(index: int) -> None:
        try:
            Workers(addresses, index).meet(20.0)
            # From here on, TensorFlow listens.
            host, port = addresses[index].split(":")
            listening.append(socket.create_server((host, int(port))))
        except Exception as error:
            errors.append(error)

    listening: list[socket.socket] = []
    threads = [threading.Thread(target=meet, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
        thread.join(0.3)
    for thread in threads:
        thread.join()
    for listener in listening:
        listener.close()
    assert errors == []


def test_who_does_not_come_is_named() -> None:
    mine, there, never = free_addresses(3)
    host, port = there.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(UserError, match=f"no worker answers at {never} after 0.5 s: start the same"),
    ):
        Workers((mine, there, never), 0).meet(0.5)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on port {port} .*another run"):
            Workers((f"127.0.0.1:{port}", "b:2"), 0).meet(0.5)


def test_the_batch_is_divided_among_all_workers() -> None:
    with pytest.raises(UserError, match=r"`batch_size=3` .* among 2 workers of `replicas=1`"):
        make_strategy(None, 3, TWO)
    with pytest.raises(UserError, match="a worker without GPUs runs one"):
        make_strategy(2, 4, TWO)


def test_numbers_are_gathered_whole() -> None:
    gather = make_gather(make_strategy(2, batch_size=2), Workers())
    # More than a float32, or an int32, could hold.
    numbers = [0, -1, 2**32 - 1, 2**53 + 1]
    assert gather(numbers).tolist() == [numbers]


def test_workers_that_differ_are_told_in_what() -> None:
    facts = {"weather": 3, "step to start from": 20}

    def gather(numbers: Sequence[int]) -> np.ndarray:
        assert list(numbers) == [3, 20]
        return np.array([[3, 0], [3, 20]])

    with pytest.raises(UserError, match=r"on the step to start from \(a:1: 0, b:2: 20\); .*sees?"):
        check_agreement(gather, TWO, facts)
    check_agreement(lambda numbers: np.array([numbers] * 2), TWO, facts)


def test_a_lost_worker_is_named() -> None:
    mine, gone = free_addresses(2)
    workers = Workers((mine, gone), 0)
    with pytest.raises(UserError, match=f"the worker at {gone} is gone"), losing_workers(workers):
        raise tf.errors.InternalError(None, None, "whatever TensorFlow says")


def test_other_errors_stay_what_they_are() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        workers = Workers(("a:1", f"127.0.0.1:{other.getsockname()[1]}"), 0)
        with pytest.raises(tf.errors.InternalError), losing_workers(workers):
            raise tf.errors.InternalError(None, None, "of this worker alone")
        # It answers no longer, but its machine does.
        with pytest.raises(UserError, match="another worker is gone"), losing_workers(workers):
            raise tf.errors.UnavailableError(None, None, "heartbeats")
    with pytest.raises(tf.errors.UnavailableError), losing_workers(Workers()):
        raise tf.errors.UnavailableError(None, None, "a file system")
