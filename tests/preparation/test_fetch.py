"""Fetching: from disk and from a server on this machine; whole or not at all."""

import functools
import hashlib
import http.server
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_png, read_image
from cyclegan_tf.preparation.fetch import fetch, known_archives
from cyclegan_tf.preparation.options import FetchOptions


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "served/set.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as opened:
        for name, count in (("trainA", 3), ("trainB", 2), ("testA", 1), ("testB", 1)):
            for number in range(count):
                picture = np.full((4, 4, 3), number, np.uint8)
                opened.writestr(f"set/{name}/{number}.png", encode_png(picture))
    return path


@pytest.fixture
def server(archive):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=archive.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{started.server_port}"
        started.shutdown()


def get(output, **options):
    return fetch(output, FetchOptions(**options), progress=False)


def test_an_archive_on_disk_becomes_a_data_set(archive, tmp_path):
    counts = get(tmp_path / "out", archive=str(archive))
    assert counts == {"testA": 1, "testB": 1, "trainA": 3, "trainB": 2}
    assert read_image(tmp_path / "out/trainA/2.png").max() == 2


def test_an_archive_is_downloaded_and_checked(archive, server, tmp_path):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    counts = get(tmp_path / "out", url=f"{server}/set.zip", sha256=digest.upper())
    assert counts["trainA"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {"served", "out"}


def test_another_archive_than_expected_is_refused(archive, server, tmp_path):
    for source in ({"archive": str(archive)}, {"url": f"{server}/set.zip"}):
        with pytest.raises(UserError, match="has the SHA-256 .*, expected 0000"):
            get(tmp_path / "out", sha256="0" * 64, **source)
    with pytest.raises(UserError, match="expected a74d9d39"):  # What is known of horse2zebra.
        get(tmp_path / "out", name="horse2zebra", archive=str(archive))
    assert {path.name for path in tmp_path.iterdir()} == {"served"}


def test_the_classic_data_sets_are_known():
    known = known_archives()
    assert {"horse2zebra", "apple2orange", "summer2winter_yosemite", "monet2photo"} <= {*known}
    assert {"maps", "facades", "cityscapes"} <= {*known}
    for name, one in known.items():
        assert one.url.startswith("https://") and one.url.endswith(f"/{name}.zip")
        assert len(one.sha256) == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "horse2zebbra"}, "unknown data set 'horse2zebbra'; expected apple2orange"),
        ({"archive": "nowhere.zip"}, "`archive=nowhere.zip`: file not found"),
        ({"url": "file:///etc/passwd"}, "`url=file:///etc/passwd`: expected http"),
        ({}, "missing data set"),
        ({"archive": "a", "url": "b"}, "give only one of them"),
        ({"name": "maps", "sha256": "12"}, "`sha256=12`: expected .*64 hexadecimal"),
    ],
    ids=str,
)
def test_mistakes_are_named(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        get(tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_is_not_there_is_named(server, tmp_path):
    with pytest.raises(UserError, match="cannot download .*: 404"):
        get(tmp_path / "out", url=f"{server}/nowhere.zip")
    assert {path.name for path in tmp_path.iterdir()} == {"served"}


def test_without_network_it_fails_soon(tmp_path):
    start = time.monotonic()
    with pytest.raises(UserError, match="cannot be reached; download that file elsewhere"):
        get(tmp_path / "out", url="https://data.invalid/set.zip")
    assert time.monotonic() - start < 20
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_grows_too_large_is_stopped(server, tmp_path):
    with pytest.raises(UserError, match="is larger than `max_gb=9.9.*e-08`"):
        get(tmp_path / "out", url=f"{server}/set.zip", max_gb=1e-7)
    assert {path.name for path in tmp_path.iterdir()} == {"served"}


def test_what_is_killed_leaves_no_folder_and_can_be_done_again(archive, tmp_path):
    code = f"""
import os, signal
from pathlib import Path
from cyclegan_tf.preparation import archives, fetch
from cyclegan_tf.preparation.options import FetchOptions
copy = archives.shutil.copyfileobj
def killed(source, file):
    if "trainB" in file.name:
        os.kill(os.getpid(), signal.SIGKILL)
    copy(source, file)
archives.shutil.copyfileobj = killed
fetch.fetch(Path({str(tmp_path / "out")!r}), FetchOptions(archive={str(archive)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -9
    assert not (tmp_path / "out").exists() and (tmp_path / ".out.partial/trainA").exists()
    assert get(tmp_path / "out", archive=str(archive))["trainB"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"served", "out"}
