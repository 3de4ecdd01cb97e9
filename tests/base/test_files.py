"""JSON of anybody's, and files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchticket.base.errors import InputError, Unwritable
from scratchticket.base.files import (
    MAX_NESTING,
    check_text,
    check_writable,
    parsed_json,
    printable,
    read_bytes,
    write_atomically,
)


def test_what_json_can_say_is_read() -> None:
    text = '{"a": [1, -2.5, true, null, "ä\\n"], "b": {"c": 18446744073709551615}}'

    assert parsed_json(text) == {"a": [1, -2.5, True, None, "ä\n"], "b": {"c": 2**64 - 1}}
    assert parsed_json("[" * MAX_NESTING + "]" * MAX_NESTING)


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 5000, "9" * 21, '{"a":1,"a":1}'),
        *("[" * (MAX_NESTING + 2) + "]" * (MAX_NESTING + 2), "[" * 10**6, '{"a":' * 10**5),
        *(
            '"\\ud800"',
            '{"\\udfff": 1}',
            "",
            "{",
            "[1] 2",
            b"\xff",
            b"\xed\xa0\x80",
            b"\xff\xfe1\0",
        ),
    ],
    ids=lambda text: str(text[:12]),
)
def test_what_would_fail_later_is_refused_now(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        parsed_json(text)

    assert len(str(caught.value).splitlines()) == 1


def test_what_never_ends_or_is_too_large_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk

    for name, reason in (
        ("pipe", "not a regular file"),
        ("zero", "not a regular file"),
        (".", "it is a folder"),
        ("large", "1,099,511,627,776 bytes, more than 100"),
        ("a\0b", "null"),
        ("x" * 5000, "too long"),
    ):
        with pytest.raises(InputError, match=reason):
            read_bytes(tmp_path / name, "file", limit=100)


def test_no_text_commands_a_terminal() -> None:
    text = "cat \x1b]0;x\x07\r\n\x9b2J\u202e\u2028\x7f\ud800é猫"

    said = printable(text)

    assert said.isprintable()
    assert said.startswith(r"cat \x1b]0;x\x07\r\n\x9b2J\u202e\u2028\x7f\ud800é猫")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/file", "No such file or directory"),
        ("folder", "Is a directory"),
        ("x" * 250, "File name too long"),
        ("file/below", "Not a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_beforehand(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(Unwritable, match=f"cannot write .*: {reason}"):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "file")

    assert sorted(tmp_path.iterdir()) == [tmp_path / "file", tmp_path / "folder"]
    assert (tmp_path / "file").read_text() == ""


def test_a_name_that_is_no_utf8_is_a_line(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")

    with pytest.raises(InputError, match=r"class 'caf.udce9' is not UTF-8; give it another name"):
        check_text(name, "class")
    with pytest.raises(InputError, match="a name in it is not UTF-8"):
        write_atomically(tmp_path / "page.html", name)
    check_text("café", "class")

    assert list(tmp_path.iterdir()) == []
