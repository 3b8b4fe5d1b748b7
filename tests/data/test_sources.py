"""Folders, built-in sets and the messages for everything else."""

import numpy as np
import pytest

from cyclegan_tf.config import UserError
from cyclegan_tf.data import sources
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.images import UnreadableImageError, write_image


def fill(folder, names, level=100):
    for number, name in enumerate(names):
        write_image(folder / name, np.full((8, 8 + number, 3), level + number, np.uint8))


@pytest.fixture
def data(tmp_path):
    fill(tmp_path / "trainA", ["2.png", "sub/1.png", "10.png"], level=10)
    fill(tmp_path / "trainB", ["x.bmp", "y.gif"], level=50)
    return tmp_path


def test_a_folder_with_both_domains(data):
    a, b, aligned = open_sources(str(data))
    assert (len(a), len(b), aligned) == (3, 2, False)
    assert list(a.names) == ["10.png", "2.png", "sub/1.png"]
    assert [picture.shape for picture in (a[0], a[1], a[2])] == [(8, 10, 3), (8, 8, 3), (8, 9, 3)]
    assert [int(b[number].max()) for number in range(2)] == [50, 51]
    assert open_sources(str(data), split="test") is None


def test_channels_are_each_domains_own(data):
    a, b, _ = open_sources(str(data), channels_a=1, channels_b=4)
    assert a[0].shape[-1] == 1 and b[0].shape[-1] == 4


def test_two_folders(data):
    pair = {"data_a": str(data / "trainB"), "data_b": str(data / "trainA")}
    a, b, _ = open_sources(**pair)
    assert (len(a), len(b)) == (2, 3)
    assert open_sources(**pair, split="test") is None


@pytest.mark.parametrize(
    "names_a, names_b, aligned",
    [
        (["1.png", "2.png"], ["1.bmp", "2.bmp"], True),
        (["1_A.png", "2_A.png"], ["1_B.png", "2_B.png"], True),  # as in maps and facades
        (["1.png", "2.png"], ["1.png", "3.png"], False),
        (["1.png", "2.png"], ["1.png"], False),
        (["x/1.png"], ["y/1.png"], False),
    ],
)
def test_equal_names_are_pairs(data, names_a, names_b, aligned):
    fill(data / "testA", names_a)
    fill(data / "testB", names_b)
    assert open_sources(str(data), split="test").aligned is aligned


def test_a_damaged_file_is_listed_and_found_when_read(data):
    (data / "trainA" / "3.png").write_bytes(b"not a picture")
    a = open_sources(str(data)).a
    assert len(a) == 4
    with pytest.raises(UnreadableImageError, match="3.png"):
        a[list(a.names).index("3.png")]


def test_other_files_are_counted(data, caplog):
    (data / "trainA" / "readme.txt").touch()
    with caplog.at_level("INFO"):
        open_sources(str(data))
    assert "trainA: 3 pictures, 1 other files ignored" in caplog.text


def test_incomplete_data_is_named(data):
    fill(data / "testB", ["1.png"])
    with pytest.raises(UserError, match="missing: .*testA$"):
        open_sources(str(data), split="test")
    (data / "testA").mkdir()
    with pytest.raises(UserError, match="testA holds no pictures"):
        open_sources(str(data), split="test")
    with pytest.raises(UserError, match="missing: .*trainA, .*trainB$"):
        open_sources(str(data / "testB"))


@pytest.mark.parametrize(
    "given", [{}, {"data_a": "x"}, {"data_b": "x"}, {"data": "x", "data_a": "y"}]
)
def test_data_is_given_in_exactly_one_way(given):
    with pytest.raises(UserError, match="--data, which .* --data_a and --data_b; received"):
        open_sources(**given)


def test_unknown_data_lists_what_is_possible(tmp_path):
    with pytest.raises(UserError) as error:
        open_sources(str(tmp_path / "nowhere"))
    for possible in ("nowhere", "trainA", "tfds:NAME/CONFIG", *sources.BUILTIN_NAMES):
        assert possible in str(error.value)


@pytest.mark.parametrize("split, aligned", [("train", False), ("test", True)])
def test_built_in_sets_are_prepared_and_only_their_test_split_is_aligned(
    monkeypatch, split, aligned
):
    """Drawing them is tested with the builders; this is what is done with them."""
    calls = []

    def tfds_source(builder, split, channels):
        return (builder, split, channels)

    monkeypatch.setattr(sources, "builtin_builder", lambda *given: calls.append(given) or Builder)
    monkeypatch.setattr(sources, "prepare", calls.append)
    monkeypatch.setattr(sources, "TfdsSource", tfds_source)
    opened = open_sources("avatars/blond2ginger", split=split, channels_b=1, load_size=64)
    assert calls == [("avatars/blond2ginger", 64), Builder]
    assert opened == ((Builder, split + "A", 3), (Builder, split + "B", 1), aligned)


class Builder:
    class info:
        splits = ("trainA", "trainB", "testA", "testB")
