"""Flicker: measured against clips whose flicker is known, and taken from where nothing moves."""

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.translation.flicker import Flicker, smoother


def flicker(frames, translated):
    measure = Flicker()
    for pair in zip(frames, translated, strict=True):
        measure.see(*pair)
    return measure.ratio


def camera(count=24, noise=2.0, seed=0):
    """A still scene with a square that moves across, as a camera with some noise sees it."""
    rng = np.random.default_rng(seed)
    scene = rng.integers(60, 200, (40, 48, 3)).astype(float)
    frames = []
    for time in range(count):
        frame = scene + rng.normal(0, noise, scene.shape)
        frame[10:16, time : time + 6] = 250
        frames.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    return frames


def flickering(frames, seed=1):
    """A translation whose light differs from frame to frame."""
    rng = np.random.default_rng(seed)
    return [np.clip(f * 0.7 + rng.normal(30, 12), 0, 255).astype(np.uint8) for f in frames]


def smoothed(strength, frames, translated):
    smooth = smoother(strength)
    return [smooth(*pair) for pair in zip(frames, translated, strict=True)]


def test_the_ratio_is_that_of_the_changes():
    frames = [np.full((4, 4, 3), level, np.uint8) for level in (10, 14, 10, 20)]
    assert flicker(frames, frames) == 1.0
    doubled = [frame * 2 for frame in frames]
    assert flicker(frames, doubled) == 2.0
    grey = [frame[..., :1] for frame in frames]
    assert flicker(frames, grey) == 1.0


def test_a_clip_that_does_not_move_has_no_ratio():
    frame = np.zeros((4, 4, 3), np.uint8)
    assert flicker([frame], [frame]) is None
    assert flicker([frame, frame], [frame, frame + 1]) is None


def test_smoothing_takes_flicker_away_and_the_more_the_stronger():
    frames = camera()
    translated = flickering(frames)
    ratios = [flicker(frames, smoothed(s, frames, translated)) for s in (0.0, 0.5, 0.8, 0.95)]
    assert ratios[0] == flicker(frames, translated)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[2] < 0.5 * ratios[0]


def test_of_a_translation_that_does_not_flicker_only_noise_goes():
    frames = camera()
    found = smoothed(0.9, frames, frames)
    assert flicker(frames, found) < 1.0
    still = np.s_[24:, :]
    truth = np.mean([frame[still] for frame in frames], axis=0)
    assert np.abs(found[-1][still] - truth).mean() < np.abs(frames[-1][still] - truth).mean()


def test_nothing_is_dragged_behind_what_moves():
    frames = camera(noise=0.0)
    translated = [255 - frame for frame in frames]
    for found, expected in zip(smoothed(0.95, frames, translated), translated, strict=True):
        # Neither does the square, 190 levels from its ground, lose an edge, nor leave a trace.
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_slow_change_of_light_is_followed():
    scene = np.random.default_rng(0).integers(60, 100, (24, 24, 3))
    frames = [(scene + time).astype(np.uint8) for time in range(60)]
    found = smoothed(0.95, frames, frames)
    assert np.abs(found[-1].astype(int) - frames[-1]).max() <= 1


def test_channels_that_differ_are_refused():
    with pytest.raises(UserError, match="`smoothing`.*3 to 1"):
        smoother(0.5)(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 1), np.uint8))
