"""TFDS data sets: prepared, downloaded by hand, and without network."""

import hashlib
import socket
import threading
import time
import zipfile

import numpy as np
import pytest

from cyclegan_tf.data import tfds_source
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image

tfds = pytest.importorskip("tensorflow_datasets")


class Toy(tfds.core.GeneratorBasedBuilder):
    """Pictures of one level each, split over several files, with test pictures in one domain."""

    VERSION = tfds.core.Version("1.0.0")
    SPLITS = {"trainA": 5, "trainB": 3, "testA": 2, "testB": 2}

    def _info(self):
        image = tfds.features.Image(encoding_format="png")
        features = tfds.features.FeaturesDict({"image": image, "label": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        splits = enumerate(self.SPLITS.items())
        return {name: self._generate_examples(10 * i, n) for i, (name, n) in splits}

    def _generate_examples(self, level, number):
        for i in range(number):
            yield i, {"image": np.full((4, 6 + i, 3), level + i, np.uint8), "label": i}


class Half(Toy):
    SPLITS = {"trainA": 2}


class TrainOnly(Toy):
    SPLITS = {"trainA": 2, "trainB": 2}


class Stereo(Toy):
    """Pairs: the right one of level i, the left one 100 more, of one channel."""

    SPLITS = {"train": 3, "validation": 2}
    FEATURES = {"right": 3, "left": 1}
    LEVELS = {"right": 0, "left": 100, "middle": 0}

    def _info(self):
        features = {
            name: tfds.features.Image(shape=(4, None, channels))
            for name, channels in self.FEATURES.items()
        }
        features = tfds.features.FeaturesDict({"number": np.int64, **features})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _generate_examples(self, level, number):
        for i in range(number):
            pictures = {
                name: np.full((4, 8, channels), self.LEVELS[name] + level + i, np.uint8)
                for name, channels in self.FEATURES.items()
            }
            yield i, {"number": i, **pictures}


class Joined(Stereo):
    FEATURES = {"middle": 3}


class Triple(Stereo):
    FEATURES = {"right": 3, "left": 3, "middle": 3}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """An empty place for TFDS data, as `TFDS_DATA_DIR` sets it before TFDS is imported."""
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def prepare(builder):
    config = tfds.download.DownloadConfig(num_shards=2)
    builder.download_and_prepare(download_config=config)


@pytest.mark.parametrize("file_format", ("tfrecord", "array_record"))
def test_prepared_data_is_read_in_order_and_by_number(data_dir, file_format):
    prepare(Toy(file_format=file_format))
    a, b, aligned = open_sources("tfds:toy", channels_b=1)
    assert (len(a), len(b), aligned) == (5, 3, False)
    assert [int(a[number].max()) for number in (4, 0, 2, 4)] == [4, 0, 2, 4]
    assert a[3].shape == (4, 9, 3) and b[2].shape == (4, 8, 1)
    assert a.names[3] == "trainA[3]"
    test = open_sources("tfds:toy", split="test")
    assert [int(test.b[number].max()) for number in range(2)] == [30, 31]


def test_the_copy_on_disk_has_no_name(data_dir, monkeypatch, tmp_path_factory):
    prepare(Toy())
    spool = tmp_path_factory.mktemp("spool")
    monkeypatch.setattr(tfds_source.tempfile, "tempdir", str(spool))
    sources = open_sources("tfds:toy")
    assert not list(spool.iterdir())
    assert sources.a[4].max() == 4


def test_missing_splits_are_named(data_dir):
    prepare(Half())
    with pytest.raises(UserError, match="no images in the split trainB; its splits are trainA"):
        open_sources("tfds:half")
    prepare(TrainOnly())
    assert open_sources("tfds:train_only", split="test") is None


def test_one_picture_an_example_is_needed(data_dir):
    prepare(Stereo())
    with pytest.raises(UserError, match="no images in the split trainA; its splits are train"):
        open_sources("tfds:stereo")
    with pytest.raises(UserError, match="they have: left, right"):
        tfds_source.TfdsSource(tfds.builder("stereo"), "train", read_image)


@pytest.mark.parametrize("file_format", ("tfrecord", "array_record"))
def test_examples_of_two_pictures_are_pairs_in_the_order_of_their_names(data_dir, file_format):
    for split, number in (("train", 3), ("test", 2)):
        prepare(Stereo(file_format=file_format))
        a, b, aligned = open_sources("tfds:stereo", split=split, channels_a=1, paired=True)
        assert (len(a), len(b), aligned) == (number, number, True)
        level = 10 * (split == "test")
        assert [int(a[i].max()) for i in range(number)] == [100 + level + i for i in range(number)]
        assert [int(b[i].max()) for i in range(number)] == [level + i for i in range(number)]
        assert a[0].shape == (4, 8, 1) and b[0].shape == (4, 8, 3)
    swapped = open_sources("tfds:stereo", classes_b=256, paired=True, swap=True)
    assert swapped.b[2].tolist() == [[[102]] * 8] * 4 and int(swapped.a[2].max()) == 2


def test_pictures_of_an_example_are_in_the_order_of_their_names(data_dir):
    builder = Stereo()
    assert list(builder.info.features) == ["number", "right", "left"]
    assert tfds_source.image_features(builder) == ["left", "right"]


def test_examples_of_one_picture_are_side_by_side(data_dir):
    prepare(Joined())
    a, b, aligned = open_sources("tfds:joined", paired=True)
    assert (len(a), len(b), aligned) == (3, 3, True)
    assert a[1].shape == b[1].shape == (4, 4, 3)


def test_examples_that_are_no_pairs_are_named(data_dir):
    prepare(Triple())
    with pytest.raises(UserError, match="left, middle, right; its features: .*number"):
        open_sources("tfds:triple", paired=True)
    prepare(Half())
    with pytest.raises(UserError, match="no images in the split train; its splits are trainA"):
        open_sources("tfds:half", paired=True)
    assert open_sources("tfds:half", paired=True, split="test") is None


@pytest.mark.parametrize(
    "name, says",
    [
        ("cycle_gan/cityscapes", "configurations: .*horse2zebra"),
        ("no_such_data", "no_such_data not found"),
        ("cycle_gan/horse2zebu", "configurations: .*horse2zebra"),
        ("huggingface:mnist", "only data sets of TFDS itself"),
        ("", "cannot open"),
        ("../../etc", "cannot open"),
    ],
)
@pytest.mark.parametrize("paired", (False, True))
def test_unknown_names_are_refused(data_dir, no_network, name, says, paired):
    with pytest.raises(UserError, match=says) as error:
        open_sources(f"tfds:{name}", paired=paired)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("paired", (False, True))
def test_without_network_it_soon_says_what_to_do(data_dir, no_network, paired):
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        open_sources("tfds:cycle_gan/horse2zebra", paired=paired)
    assert time.monotonic() - start < 20
    by_hand = str(data_dir / "downloads" / "manual" / "horse2zebra.zip")
    for part in (by_hand, "/horse2zebra.zip cannot be reached", "`data`", "avatars/blond2ginger"):
        assert part in str(error.value)


def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch):
    gave_up = threading.Event()

    def look_up(*_, **__):
        gave_up.wait(10)
        raise socket.gaierror("timed out")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    assert not tfds_source.is_reachable("https://data.invalid/x.zip", timeout=0.1)
    assert time.monotonic() - start < 1
    gave_up.set()


@pytest.fixture
def archive(data_dir, monkeypatch, tmp_path_factory):
    """Puts an archive of a `cycle_gan` configuration where the user would, and trusts it."""

    def put(config, names_a, names_b):
        unpacked = tmp_path_factory.mktemp("archive")
        for number, split in enumerate(("trainA", "trainB", "testA", "testB")):
            for i, name in enumerate(names_a if split.endswith("A") else names_b):
                level = np.full((16, 16, 3), 40 * number + 10 * i, np.uint8)
                write_image(unpacked / config / split / name, level)
        path = data_dir / "downloads" / "manual" / f"{config}.zip"
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as zipped:
            for picture in sorted(unpacked.rglob("*.jpg")):
                zipped.write(picture, picture.relative_to(unpacked))
        content = path.read_bytes()
        builder = type(tfds.builder(f"cycle_gan/{config}"))
        url = next(url for url in builder.url_infos if config in url)
        checksum = hashlib.sha256(content).hexdigest()
        info = tfds.core.download.checksums.UrlInfo(len(content), checksum, path.name)
        monkeypatch.setitem(builder.url_infos, url, info)
        return path

    return put


def test_an_archive_fetched_by_hand_is_used(archive, no_network):
    path = archive("horse2zebra", ["1.jpg", "2.jpg"], ["1.jpg", "2.jpg"])
    for _ in range(2):  # The second time it is already prepared.
        sources = open_sources("tfds:cycle_gan/horse2zebra", split="test")
        assert [len(sources.a), len(sources.b)] == [2, 2]
        assert int(sources.b[0].mean()) in range(118, 133)
        path.unlink(missing_ok=True)


def test_the_pairs_of_cycle_gan_come_from_its_archive(archive, no_network):
    archive("maps", ["1_A.jpg", "2_A.jpg", "10_A.jpg"], ["1_B.jpg", "2_B.jpg", "10_B.jpg"])
    for split, level in (("train", 0), ("test", 80)):
        a, b, aligned = open_sources("tfds:cycle_gan/maps", split=split, paired=True)
        assert aligned and list(a.names) == ["1_A.jpg", "10_A.jpg", "2_A.jpg"]
        assert list(b.names) == ["1_B.jpg", "10_B.jpg", "2_B.jpg"]
        for number, i in enumerate((0, 2, 1)):
            assert abs(int(a[number].mean()) - level - 10 * i) <= 2
            assert abs(int(b[number].mean()) - level - 40 - 10 * i) <= 2
    assert open_sources("tfds:cycle_gan/maps", paired=True, swap=True).a.names[0] == "1_B.jpg"


def test_cycle_gan_without_pairs_is_refused(archive, no_network):
    archive("horse2zebra", ["h1.jpg", "h2.jpg"], ["z1.jpg"])
    with pytest.raises(UserError, match="2 of the 2 images in .*trainA have no partner"):
        open_sources("tfds:cycle_gan/horse2zebra", paired=True)


def test_an_archive_that_tfds_downloaded_is_found_without_network(archive, data_dir, no_network):
    """TFDS keeps it in a folder of the data set, older versions beside the others."""
    from tensorflow_datasets.core.download import resource

    path = archive("facades", ["1_A.jpg"], ["1_B.jpg"])
    builder = tfds.builder("cycle_gan/facades")
    url = next(url for url in builder.url_infos if "facades" in url)
    kept = data_dir / "downloads" / "cycle_gan"
    kept.mkdir()
    path.rename(kept / resource.get_dl_fname(url, builder.url_infos[url].checksum))
    resource.write_info_file(
        url=url,
        path=next(kept.iterdir()),
        dataset_name="cycle_gan",
        original_fname="facades.zip",
        url_info=builder.url_infos[url],
    )
    assert len(open_sources("tfds:cycle_gan/facades", paired=True).a) == 1


def test_a_damaged_archive_is_one_line(archive, no_network):
    path = archive("maps", ["1_A.jpg"], ["1_B.jpg"])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match="TFDS cannot unpack cycle_gan/maps: .*wrong checksum") as e:
        open_sources("tfds:cycle_gan/maps", paired=True)
    assert "\n" not in str(e.value)


def test_a_data_set_that_cannot_be_prepared_is_one_line(data_dir, monkeypatch):
    def fail(self):
        raise OSError("No space left on device\nand more")

    monkeypatch.setattr(Toy, "download_and_prepare", fail)
    with pytest.raises(UserError, match="cannot prepare toy: No space left on device$"):
        open_sources("tfds:toy")
