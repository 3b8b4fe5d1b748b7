"""The list of what was written: what it says is done is done, whatever happened to it."""

import json

import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.ledger import Ledger


def again(folder, made_by, **arguments):
    """What a later process finds."""
    ledger = Ledger(folder, made_by, "translations", **arguments)
    ledger.close()
    return ledger


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"picture")
    return path


@pytest.fixture
def out(tmp_path, source):
    """A folder in which a.jpg is done and b.jpg has failed."""
    folder = tmp_path / "out"
    ledger = Ledger(folder, {"step": 1})
    (folder / "a.png").write_bytes(b"translated")
    ledger.add_output("a.jpg", source, (folder / "a.png").relative_to(folder))
    ledger.add_failure("b.jpg", "it is empty")
    ledger.close()
    return folder


def test_what_is_listed_is_done_as_long_as_nothing_changes(out, source):
    assert again(out, {"step": 1}).is_done("a.jpg", source)
    assert not again(out, {"step": 1}).is_done("b.jpg", source)
    (out / "a.png").write_bytes(b"cut")
    assert not again(out, {"step": 1}).is_done("a.jpg", source)
    (out / "a.png").unlink()
    assert not again(out, {"step": 1}).is_done("a.jpg", source)


def test_a_changed_source_is_not_done(out, source):
    source.write_bytes(b"another")
    assert not again(out, {"step": 1}).is_done("a.jpg", source)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_was_cut_off_does_not_count(out, source, cut):
    path = out / "manifest.jsonl"
    good = path.read_text().splitlines()[:2]
    path.write_text("\n".join([*good, good[1][:-cut]]))
    ledger = Ledger(out, {"step": 1})
    assert ledger.is_done("a.jpg", source)
    ledger.add_failure("c.jpg", "reason")
    ledger.close()
    assert [json.loads(line) for line in path.read_text().splitlines()][-1]["source"] == "c.jpg"


def test_what_was_made_otherwise_is_kept_or_removed_as_asked(out, source):
    with pytest.raises(UserError, match="step 1, not 2.*`overwrite`"):
        again(out, {"step": 2}, overwrite=False)
    assert (out / "a.png").exists()
    (out / "own.png").write_bytes(b"not listed")
    assert not again(out, {"step": 2}, overwrite=True).is_done("a.jpg", source)
    assert [path.name for path in out.glob("*.png")] == ["own.png"]


def test_nothing_outside_the_folder_is_removed(out, tmp_path):
    path = out / "manifest.jsonl"
    path.write_text(path.read_text().replace('"a.png"', '"../a.jpg"'))
    again(out, {"step": 2}, overwrite=True)
    assert (tmp_path / "a.jpg").exists()


def test_a_file_that_is_no_list_is_left_alone(tmp_path):
    (tmp_path / "manifest.jsonl").write_text('{"something": "else"}\n')
    with pytest.raises(UserError, match="not a list of translations"):
        again(tmp_path, {"step": 1}, overwrite=True)
    assert "something" in (tmp_path / "manifest.jsonl").read_text()
