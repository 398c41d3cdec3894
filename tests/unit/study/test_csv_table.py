"""CSV files as people have them: what is no row is refused with its line, never read as another."""

from pathlib import Path

import pytest

from underpainting.errors import UnderpaintingError
from underpainting.study.request.prompts import about_prompts, read_prompts

Rows = list[tuple[str, int]]
SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
READ: list[tuple[str, bytes, Rows]] = [
    *(
        (
            f"separator {ord(mark):x}",
            f"seed,prompt\n7,a{mark} 9,b\n8,c\n".encode(),
            [(f"a{mark} 9,b", 7), ("c", 8)],
        )
        for mark in SEPARATORS
    ),
    ("carriage returns", b"prompt,seed\ra mug,1\rb,2\r", [("a mug", 1), ("b", 2)]),
    ("carriage return in quotes", b'prompt,seed\r\n"a\rb",1\r\n', [("a\rb", 1)]),
    ("no last end", b"prompt,seed\na,1", [("a", 1)]),
    ("seed in quotes", b'prompt,seed\na, b,"7"\n', [("a, b", 7)]),
    ("utf-16", "prompt,seed\ncafé,1\n".encode("utf-16"), [("café", 1)]),
    ("mark of utf-8", "\ufeffprompt,seed\ncafé,1\n".encode(), [("café", 1)]),
    ("large numbers after a comma", b"prompt,seed\na, in 1980,123\n", [("a, in 1980", 123)]),
]
REFUSED: list[tuple[str, bytes, str]] = [
    ("thousands", b'prompt,seed\na red mug,"2,041"\na,7\n', "line 2: seed '2,041' is not a whole number"),
    ("thousands of a prompt with commas", b'prompt,seed\na mug, red,"2,041"\n', "line 2: seed '041"),
    ("thousands without quotes", b"prompt,seed\na mug,2,041\n", "line 2: not a row"),
    ("millions without quotes", b"prompt,seed\na mug,2,041,123\n", "line 2: not a row"),
    ("thousands first", b"seed,prompt\n2,041,a mug\n", "line 2: not a row"),
    ("half a quote", b'prompt,seed\na, mug,7"\n', "line 2: "),
    ("not closed to the end", b'prompt,seed\n"a mug\n' + b"x\n" * 60, "line 2: "),
    ("too few cells", b"prompt,seed\na,1\nb\n", "line 3: not a row"),
    ("empty cells behind", b"prompt,seed\na,1,,\n", "line 2: seed ''"),
    ("cells of nothing", b"prompt,seed\na,1\n,\n", "line 3: the prompt is empty"),
    ("exponent", b"prompt,seed\na,1e3\n", "line 2: seed '1e3'"),
    ("other digits", "prompt,seed\na,\u0667\n".encode(), "line 2: seed"),
    ("2**64", b"prompt,seed\na,18446744073709551616\n", "line 2: seed"),
    ("5,000 digits", b"prompt,seed\na," + b"9" * 5000 + b"\n", "line 2: seed"),
    ("two columns of prompts", b"prompt,prompt,seed\na,b,1\n", "2 columns of prompt"),
    ("both names of a column", b"prompt,seed,seeds\na,1,2\n", "2 columns of seed"),
    ("tabs", b"prompt\tseed\na\t1\n", "with commas between"),
    ("semicolons", b"prompt;seed\na;1\n", "with commas between"),
    ("JSON", b'[{"prompt": "a", "seed": 1}]', "needs columns prompt"),
    ("JSON lines", b'{"prompt": "a"}\n{"prompt": "b"}\n', "needs columns prompt"),
    ("a huge first line", b"x" * 200_000, "first line"),
    ("a huge cell", b'prompt,seed\n"' + b"x" * 200_000 + b'",1\n', "200000 characters"),
    ("NUL", b"prompt,seed\na\0b,1\n", "is not text"),
    ("UTF-16 without mark", "prompt,seed\na,1\n".encode("utf-16-le"), "is not text"),
    ("UTF-16 cut", "prompt,seed\na,1\n".encode("utf-16")[:-1], "is not text"),
    ("UTF-32", "prompt,seed\na,1\n".encode("utf-32"), "is not text"),
    ("Shift-JIS", "prompt,seed\n猫の写真,1\n".encode("shift_jis"), "is not text"),
]


def write(folder: Path, data: bytes) -> str:
    """A file of these bytes."""
    (folder / "p.csv").write_bytes(data)
    return str(folder / "p.csv")


@pytest.mark.parametrize(("data", "rows"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_rows_are_what_was_written(data: bytes, rows: Rows, tmp_path: Path) -> None:
    file = write(tmp_path, data)
    assert [(row.prompt, row.seed) for row in read_prompts(file)] == rows
    assert about_prompts(file) == []


@pytest.mark.parametrize(("data", "line"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_row_is_refused_with_its_line(data: bytes, line: str, tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError) as caught:
        read_prompts(write(tmp_path, data))
    assert line in str(caught.value) and len(str(caught.value)) < 400


def test_an_encoding_that_is_a_guess_is_said(tmp_path: Path) -> None:
    file = write(tmp_path, "prompt,seed\na mug,1\ncafé,2\n".encode("cp1252"))
    assert read_prompts(file)[1].prompt == "café"
    (said,) = about_prompts(file)
    assert "not UTF-8 and is read as Windows-1252" in said and "line 3: café,2" in said


def test_a_text_file_is_a_prompt_a_line_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes('a mug, red, 5\r\n\r\n  "a big" car\n"never closed\ncafé, 1,000 chairs'.encode("cp1252"))
    rows = read_prompts(str(file))
    assert [(row.prompt, row.seed) for row in rows] == [
        ("a mug, red, 5", 0),
        ('"a big" car', 1),
        ('"never closed', 2),
        ("café, 1,000 chairs", 3),
    ]
    assert rows[2].where.endswith("prompts.txt line 4")
    said = about_prompts(str(file))
    assert len(said) == 2 and "Windows-1252" in said[0] and "has no seeds" in said[1]


@pytest.mark.parametrize("name", ["prompts.txt", "PROMPTS.TXT"])
def test_a_table_called_text_is_a_table(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("seed,prompt\n7,a mug\n")
    assert [(row.prompt, row.seed) for row in read_prompts(str(file))] == [("a mug", 7)]
    file.write_text("prompt;seed\na mug;7\n")
    with pytest.raises(UnderpaintingError, match="with commas between"):
        read_prompts(str(file))
