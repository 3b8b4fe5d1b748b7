"""Folders, built-in sets and the messages for everything else."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.data import sources
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError, write_image


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
    assert "trainA: 3 images, 1 other files ignored" in caplog.text


def test_incomplete_data_is_named(data):
    fill(data / "testB", ["1.png"])
    with pytest.raises(UserError, match="missing: .*testA$"):
        open_sources(str(data), split="test")
    (data / "testA").mkdir()
    with pytest.raises(UserError, match="testA holds no images"):
        open_sources(str(data), split="test")
    with pytest.raises(UserError, match="missing: .*trainA, .*trainB$"):
        open_sources(str(data / "testB"))


@pytest.mark.parametrize(
    "given", [{}, {"data_a": "x"}, {"data_b": "x"}, {"data": "x", "data_a": "y"}]
)
def test_data_is_given_in_exactly_one_way(given):
    with pytest.raises(UserError, match="`data`, which .* `data_a` and `data_b`; received"):
        open_sources(**given)


def test_unknown_data_lists_what_is_possible(tmp_path):
    with pytest.raises(UserError) as error:
        open_sources(str(tmp_path / "nowhere"))
    for possible in ("nowhere", "trainA", "tfds:NAME/CONFIG", *sources.BUILTIN_NAMES):
        assert possible in str(error.value)


# ---------------------------------------------------------------------------- built-in sets


class Builder:
    def __init__(self, *splits):
        self.info = type("Info", (), {"splits": splits, "full_name": "toy"})


@pytest.fixture
def built_in(monkeypatch):
    """Puts what is asked for in the place of pictures: drawing is tested with the builders."""

    def set_up(builder, features):
        calls = []

        def tfds_source(builder, split, read, feature="image"):
            keywords = getattr(read, "keywords", None)
            return (split, feature, keywords["channels"] if keywords else "labels")

        monkeypatch.setattr(
            sources,
            "builtin_builder",
            lambda *given, **more: calls.append((*given, more["paired"])) or builder,
        )
        monkeypatch.setattr(sources, "prepare", calls.append)
        monkeypatch.setattr(sources, "TfdsSource", tfds_source)
        monkeypatch.setattr(sources, "image_features", lambda builder: features)
        return calls

    return set_up


@pytest.mark.parametrize("split, aligned", [("train", False), ("test", True)])
def test_built_in_sets_are_prepared_and_only_their_test_split_is_aligned(built_in, split, aligned):
    builder = Builder("trainA", "trainB", "testA", "testB")
    calls = built_in(builder, ["image"])
    opened = open_sources("avatars/blond2ginger", split=split, channels_b=1, load_size=64)
    assert calls == [("avatars/blond2ginger", 64, False), builder]
    assert opened == ((split + "A", "image", 3), (split + "B", "image", 1), aligned)


@pytest.mark.parametrize("split", ("train", "test"))
def test_paired_built_in_sets_are_aligned_in_both_splits(built_in, split):
    builder = Builder("train", "test")
    calls = built_in(builder, ["a", "b"])
    opened = open_sources("earth/satellite2relief", split=split, channels_b=1, paired=True)
    assert calls == [("earth/satellite2relief", 286, True), builder]
    assert opened == ((split, "a", 3), (split, "b", 1), True)
    swapped = open_sources(
        "earth/satellite2relief", split=split, channels_b=1, paired=True, swap=True
    )
    assert swapped == ((split, "b", 3), (split, "a", 1), True)


def test_the_built_in_label_maps_come_as_such_without_being_asked_for(built_in):
    built_in(Builder("train", "test"), ["a", "b"])
    opened = open_sources("avatars/parts", paired=True)
    assert opened == (("train", "a", 3), ("train", "b", "labels"), True)
    swapped = open_sources("avatars/parts", paired=True, swap=True, channels_b=4)
    assert swapped == (("train", "b", "labels"), ("train", "a", 4), True)
    with pytest.raises(UserError, match="avatars/parts holds pairs.*`model=pix2pix` or"):
        open_sources("avatars/parts")


# ---------------------------------------------------------------------------- exchange


def test_swap_exchanges_the_domains_and_the_channels_follow(data):
    fill(data / "testA", ["1.png"], level=10)
    fill(data / "testB", ["1.png"], level=50)
    options = {"channels_a": 1, "channels_b": 4, "swap": True}
    a, b, aligned = open_sources(str(data), split="test", **options)
    assert (int(a[0].max()), a[0].shape[-1], b[0].shape[-1], aligned) == (50, 1, 4, True)
    assert int(b[0][..., 0].max()) == 10
    a, b, _ = open_sources(data_a=str(data / "trainA"), data_b=str(data / "trainB"), swap=True)
    assert (len(a), len(b)) == (2, 3)
    assert open_sources(str(data / "trainA"), split="test", swap=True) is None


# ---------------------------------------------------------------------------- pairs in folders


def test_two_folders_give_pairs_by_name(data):
    fill(data / "trainA", ["y.png"], level=200)
    (data / "trainA" / "2.png").unlink()
    fill(data / "trainB", ["10.png", "sub/1.png"], level=90)
    (data / "trainB" / "x.bmp").unlink()
    for given in (
        {"data": str(data)},
        {"data_a": str(data / "trainA"), "data_b": str(data / "trainB")},
    ):
        a, b, aligned = open_sources(**given, paired=True)
        assert aligned and list(a.names) == ["10.png", "sub/1.png", "y.png"]
        assert list(b.names) == ["10.png", "sub/1.png", "y.gif"]
        assert [int(b[number].max()) for number in range(3)] == [90, 91, 51]
        assert open_sources(**given, paired=True, split="test") is None


def test_unpaired_folders_are_no_pairs(data):
    with pytest.raises(UserError, match="3 of the 3 images in .*trainA have no partner"):
        open_sources(str(data), paired=True)


@pytest.fixture
def joined(tmp_path):
    """Two pictures A|B: A has the level 0 or 1 and a white right edge, B the level 100 or 101."""
    for number in range(2):
        pair = np.full((8, 20, 3), 100 + number, np.uint8)
        pair[:, :10], pair[:, 9] = number, 255
        write_image(tmp_path / "train" / f"{number}.png", pair)
    return tmp_path


def test_pictures_side_by_side_are_halved(joined):
    a, b, aligned = open_sources(str(joined), paired=True, channels_b=1)
    assert (len(a), len(b), aligned) == (2, 2, True)
    assert list(a.names) == list(b.names) == ["0.png", "1.png"]
    for number in range(2):
        assert a[number].shape == (8, 10, 3) and b[number].shape == (8, 10, 1)
        assert (a[number][:, :9] == number).all() and (a[number][:, 9] == 255).all()
        assert (b[number] == 100 + number).all()
    a, b, _ = open_sources(str(joined), paired=True, swap=True)
    assert (a[1] == 101).all() and (b[1][:, :9] == 1).all()


@pytest.mark.parametrize("folders", [["test"], ["val"], ["test", "val"]])
def test_the_test_split_is_test_or_else_val(joined, folders):
    assert open_sources(str(joined), paired=True, split="test") is None
    for number, name in enumerate(folders):
        write_image(joined / name / "x.png", np.full((4, 8, 3), number, np.uint8))
    a, b, aligned = open_sources(str(joined), paired=True, split="test")
    assert (len(a), len(b), aligned, int(a[0].max())) == (1, 1, True, 0)


@pytest.mark.parametrize("width", (1, 21))
def test_what_cannot_be_halved_is_unreadable_by_name(joined, width):
    write_image(joined / "train" / "odd.png", np.zeros((8, width, 3), np.uint8))
    a, b, _ = open_sources(str(joined), paired=True)
    for source in (a, b):
        with pytest.raises(UnreadableImageError, match=f"odd.png: {width} px wide"):
            source[2]


def test_a_half_does_not_keep_the_other_one_in_memory(joined):
    assert open_sources(str(joined), paired=True).b[0].base is None


def test_without_a_paired_model_pairs_are_recognized(joined):
    with pytest.raises(UserError, match="train without trainA .*aligned pairs.*`model=pix2pix`"):
        open_sources(str(joined))
    fill(joined / "trainA", ["1.png"])
    fill(joined / "trainB", ["1.png"])
    assert len(open_sources(str(joined)).a) == 1


def test_paired_data_that_is_nowhere_says_what_is_expected(tmp_path):
    with pytest.raises(UserError, match="trainA and trainB, or train with images A.B side by"):
        open_sources(str(tmp_path), paired=True)


# ---------------------------------------------------------------------------- label maps


@pytest.mark.parametrize("swap", (False, True))
def test_label_maps_are_read_as_class_numbers(tmp_path, swap):
    classes = np.array([[0, 7], [19, 255]], np.uint8)
    picture = Image.fromarray(classes)
    picture.putpalette([level for level in range(255, -1, -1) for _ in range(3)])
    photo, label = ("a", "b") if not swap else ("b", "a")
    fill(tmp_path / photo, ["1.jpg"])
    (tmp_path / label).mkdir()
    picture.save(tmp_path / label / "1.png")
    folders = {"data_a": str(tmp_path / "a"), "data_b": str(tmp_path / "b")}
    a, b, _ = open_sources(**folders, paired=True, classes_b=256, swap=swap)
    assert a[0].shape == (8, 8, 3)
    np.testing.assert_array_equal(b[0], classes[..., np.newaxis])


def test_coloured_label_maps_are_named(tmp_path):
    for domain in "ab":
        fill(tmp_path / domain, ["1.png"])
    folders = {"data_a": str(tmp_path / "a"), "data_b": str(tmp_path / "b")}
    b = open_sources(**folders, paired=True, classes_b=256).b
    with pytest.raises(UnreadableImageError, match="b/1.png: .*label map .*not RGB"):
        b[0]
