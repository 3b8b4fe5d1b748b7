"""Clips: as many frames at the same times, the same kind of file, sound and all."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from known_networks import identity
from PIL import Image, ImageSequence

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError, write_image
from cyclegan_tf.models.generators import generator
from cyclegan_tf.translation.clips import convert_clip, count_frames
from cyclegan_tf.translation.files import translate_files
from cyclegan_tf.translation.options import TranslationOptions

DURATIONS = [40, 80, 120, 40, 40]


def frames(count=5, height=32, width=48):
    """A bright square on its way over a smooth ground."""
    ground = np.linspace(0, 150, height * width * 3).reshape(height, width, 3).astype(np.uint8)
    for time in range(count):
        frame = ground.copy()
        frame[8:16, 8 * time : 8 * time + 8] = (250, 200, 40)
        yield frame


@pytest.fixture
def gif(tmp_path):
    first, *rest = (Image.fromarray(frame) for frame in frames())
    path = tmp_path / "clip.gif"
    first.save(path, save_all=True, append_images=rest, duration=DURATIONS, loop=3)
    return path


def make_video(path, codec, pixels="yuv420p", sound=False, **size):
    av = pytest.importorskip("av", reason="videos need the extra video")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 10)
        shape = next(frames(**size)).shape
        stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], pixels
        if sound:
            tone = container.add_stream("aac", 44100, layout="mono")
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            samples.sample_rate, samples.time_base = 44100, Fraction(1, 44100)
            for number in range(20):
                samples.pts = 1024 * number
                container.mux(tone.encode(samples))
            container.mux(tone.encode())
        for frame in frames(**size):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    return path


def read_video(path):
    """Pictures, times in seconds, and the number of sound packets."""
    import av

    with av.open(str(path)) as container:
        shown = [(f.to_ndarray(format="rgb24"), f.time) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = sum(p.dts is not None for p in container.demux(*container.streams.audio))
        sound = sound if container.streams.audio else 0
    return [s[0] for s in shown], [s[1] for s in shown], sound


def test_an_animation_keeps_frames_times_and_repetitions(gif, tmp_path):
    assert count_frames(gif) == 5
    convert_clip(gif, tmp_path / "out.gif", 3, lambda shown: (255 - frame for frame in shown))
    with Image.open(tmp_path / "out.gif") as image:
        assert (image.n_frames, image.info["loop"]) == (5, 3)
        durations, found = [], []
        for frame in ImageSequence.Iterator(image):
            durations.append(frame.info["duration"])
            found.append(np.asarray(frame.convert("RGB")).astype(int))
    assert durations == DURATIONS
    for expected, got in zip(frames(), found, strict=True):
        assert np.abs(255 - expected - got).mean() < 6  # Of 256 colours.


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"),
        (".mov", "libx264"),
        (".mkv", "libx264"),
        (".webm", "libvpx-vp9"),
        (".avi", "mpeg4"),
    ],
)
def test_a_video_keeps_its_kind_frames_and_times(tmp_path, suffix, codec):
    source = make_video(tmp_path / f"in{suffix}", codec)
    target = tmp_path / f"out{suffix}"
    convert_clip(source, target, 3, lambda shown: (255 - frame for frame in shown))
    before, after = read_video(source), read_video(target)
    assert len(after[0]) == 5
    assert after[1] == pytest.approx(before[1], abs=2e-3)
    for old, new in zip(before[0], after[0], strict=True):
        assert new.shape == old.shape
        assert np.abs(255 - old.astype(int) - new).mean() < 6


def test_sound_goes_with_the_pictures(tmp_path):
    source = make_video(tmp_path / "in.mp4", "libx264", sound=True)
    convert_clip(source, tmp_path / "out.mp4", 3, lambda shown: shown)
    assert read_video(tmp_path / "out.mp4")[2] == read_video(source)[2] > 10


def test_odd_sides_stay(tmp_path):
    source = make_video(tmp_path / "in.mp4", "libx264", "yuv444p", height=31, width=45)
    convert_clip(source, tmp_path / "out.mp4", 3, lambda shown: shown)
    assert read_video(tmp_path / "out.mp4")[0][0].shape == (31, 45, 3)


def test_without_pyav_what_to_install_is_said(tmp_path, monkeypatch):
    (tmp_path / "in.mp4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"pip install 'cyclegan_tf\[video\]'"):
        convert_clip(tmp_path / "in.mp4", tmp_path / "out.mp4", 3, lambda shown: shown)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_damaged_clip_leaves_nothing_behind(tmp_path, suffix):
    if suffix == ".mp4":
        pytest.importorskip("av", reason="videos need the extra video")
    (tmp_path / f"in{suffix}").write_bytes(b"no clip at all" * 50)
    with pytest.raises(UnreadableImageError, match="in"):
        convert_clip(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", 3, lambda shown: shown)
    assert [path.name for path in tmp_path.iterdir()] == [f"in{suffix}"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_folder_of_pictures_and_clips(gif, tmp_path, channels):
    folder = tmp_path / "in"
    folder.mkdir()
    gif.rename(folder / "clip.gif")
    first = next(frames())
    Image.fromarray(first).save(folder / "still.gif")
    (folder / "bad.mp4").write_bytes(b"no video")
    result = translate_files(identity(channels), folder, tmp_path / "out", progress=False)
    assert (result.written, set(result.failures)) == (2, {"bad.mp4"})
    assert result.flicker["clip.gif"] == pytest.approx(1.0)
    with Image.open(tmp_path / "out/clip.gif") as image:
        assert image.n_frames == 5
    assert (tmp_path / "out/still.png").exists()
    again = translate_files(identity(channels), folder, tmp_path / "out", progress=False)
    assert (again.written, again.skipped) == (0, 2)


def test_smoothing_lowers_the_flicker_of_a_network(tmp_path):
    rng = np.random.default_rng(0)
    still = rng.integers(40, 200, (32, 32, 3))
    pictures = []
    for time in range(8):
        frame = still.copy()
        # What enters at the border changes every norm's statistics, and so all other pixels.
        frame[:, :4] = 255 * (time % 2)
        pictures.append(Image.fromarray(frame.astype(np.uint8)))
    pictures[0].save(tmp_path / "x.gif", save_all=True, append_images=pictures[1:], duration=50)
    network = generator("resnet_1", filters=4, init_gain=0.5)
    ratios = []
    for smoothing in (0.0, 0.9):
        options = TranslationOptions(smoothing=smoothing)
        out = tmp_path / str(smoothing)
        result = translate_files(network, tmp_path / "x.gif", out, options, progress=False)
        ratios.append(result.flicker["x.gif"])
    assert ratios[1] < 0.9 * ratios[0]


def test_a_picture_that_is_no_animation_is_none(tmp_path):
    write_image(tmp_path / "x.png", np.zeros((4, 4, 3), np.uint8))
    assert count_frames(tmp_path / "x.png") == 1
