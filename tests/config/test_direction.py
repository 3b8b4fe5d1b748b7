"""Directions of translation."""

import json

from cyclegan_tf.config.direction import DIRECTIONS, Direction, arrow


def test_a_direction_is_its_name():
    assert DIRECTIONS == ("a2b", "b2a")
    assert f"{Direction.A2B}" == str(Direction.A2B) == "a2b"
    assert {"a2b": 1}[Direction.A2B] == 1
    assert json.dumps({Direction.B2A: Direction.B2A}) == '{"b2a": "b2a"}'


def test_its_parts():
    a2b, b2a = Direction
    assert (a2b.source, a2b.target, a2b.opposite) == ("a", "b", b2a)
    assert (b2a.generator, b2a.average) == ("generator_ba", "average_ba")
    assert Direction.of("generator_ba") is b2a
    assert b2a.arrow() == "B → A" and a2b.arrow("blond", "ginger") == "blond → ginger"
    assert (a2b.ordered(1, 2), b2a.ordered(1, 2)) == ((1, 2), (2, 1))


def test_names_from_files_may_be_anything():
    assert (arrow("b2a"), arrow("<b>")) == ("B → A", "<b>")
