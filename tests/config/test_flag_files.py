"""Flag files as people write them, on any system, and the presets."""

from pathlib import Path

import pytest

from cyclegan_tf.config.flag_files import expand, presets, read_preset
from cyclegan_tf.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


def write(path: Path, *lines: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return f"--flagfile={path}"


def test_flags_of_a_file_stand_in_its_place(tmp_path: Path) -> None:
    file = write(
        tmp_path / "x.flags", "# A comment.", "", "--b=2", "  --c", "// One more.", "--d=4"
    )
    expected = ["--a=1", "--b=2", "--c", "--d=4", "--e=5"]
    assert expand(["--a=1", file, "--e=5"]) == expected
    assert expand(["--a=1", *file.split("="), "--e=5"]) == expected
    assert expand(["--a=1", "--", file]) == ["--a=1", "--", file]
    assert expand(["--flagfile=", "flagfile=x"]) == ["flagfile=x"]


def test_values_and_names_may_have_spaces(tmp_path: Path) -> None:
    write(tmp_path / "my flags/inner one.flags", "--name=a = b")
    lines = ("--data=my photos", "--x='two words'", '--y="it\'s"', "--flagfile=inner one.flags")
    file = write(tmp_path / "my flags/outer.flags", *lines)
    assert expand([file]) == ["--data=my photos", "--x=two words", "--y=it's", "--name=a = b"]


def test_line_ends_may_be_those_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "x.flags"
    path.write_bytes(b"# A comment.\r\n--a=1\r\n\r\n--b=two words\r\n")
    assert expand([f"--flagfile={path}"]) == ["--a=1", "--b=two words"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "x.flags"
    path.write_text("--a=é\r\n--b=2", encoding)
    assert expand([f"--flagfile={path}"]) == ["--a=é", "--b=2"]


def test_a_nested_file_is_found_beside_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "flags/outer.flags", "--flagfile=deep/inner.flags", "--c=3")
    write(tmp_path / "flags/deep/inner.flags", "--a=1", "--flagfile=../base.flags")
    write(tmp_path / "flags/base.flags", "--b=2")
    write(tmp_path / "deep/inner.flags", "--wrong")
    monkeypatch.chdir(tmp_path)
    assert expand([file]) == ["--a=1", "--b=2", "--c=3"]
    assert expand(["--flagfile=flags/outer.flags"]) == ["--a=1", "--b=2", "--c=3"]
    assert not caplog.records


def test_a_nested_file_in_the_working_directory_is_read_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "flags/outer.flags", "--flagfile=flags/inner.flags")
    write(tmp_path / "flags/inner.flags", "--a=1")
    monkeypatch.chdir(tmp_path)
    assert expand([file]) == ["--a=1"]
    (record,) = caplog.records
    assert "--flagfile=flags/inner.flags was found in the working directory only" in record.message


def test_nested_files_may_be_absolute(tmp_path: Path) -> None:
    inner = write(tmp_path / "elsewhere/inner.flags", "--a=1")
    assert expand([write(tmp_path / "outer.flags", inner)]) == ["--a=1"]


def test_mistakes_name_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.flags", "--flagfile=b.flags")
    write(tmp_path / "b.flags", "--flagfile=a.flags")
    (tmp_path / "c.flags").write_bytes(b"--a=\xe9")
    file = write(tmp_path / "d.flags", "--flagfile=none.flags")
    for arguments, message in (
        ([f"--flagfile={tmp_path / 'a.flags'}"], "a.flags includes itself"),
        ([f"--flagfile={tmp_path / 'c.flags'}"], "c.flags is not UTF-8 text"),
        ([file], f"cannot read the flag file {tmp_path / 'none.flags'}: No such file"),
        ([f"--flagfile={tmp_path}"], f"cannot read the flag file {tmp_path}: Is a directory"),
        (["--flagfile"], "--flagfile needs a file"),
    ):
        with pytest.raises(UserError) as caught:
            expand(arguments)
        assert message in str(caught.value)


def test_every_flag_file_of_configs_is_a_preset() -> None:
    assert set(presets()) == {path.stem for path in CONFIGS.glob("*.flags")}
    assert read_preset("horse2zebra") == expand([f"--flagfile={CONFIGS / 'horse2zebra.flags'}"])
