"""Prompt files as people have them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from underpainting.errors import UnderpaintingError
from underpainting.study.request.prompts import PromptRow, about_prompts, read_prompts


def _file(folder: Path, text: str, encoding: str = "utf-8", name: str = "prompts.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings_are_found_out(encoding: str, tmp_path: Path) -> None:
    file = _file(tmp_path, "prompts,seeds,prompt_inds\ncaf\u00e9 \u00fcber,12,7\n", encoding)
    assert read_prompts(file) == [PromptRow("caf\u00e9 \u00fcber", 12, 7)]


def test_windows_quotes_are_not_control_characters(tmp_path: Path) -> None:
    assert (
        read_prompts(_file(tmp_path, "prompt,seed\n\u201clight\u201d,1\n", "cp1252"))[0].prompt
        == "\u201clight\u201d"
    )


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ('"a dog, a cat",5,1', "a dog, a cat"),
        ("a dog, a cat,5,1", "a dog, a cat"),
        ('"say ""hello""",5,1', 'say "hello"'),
        ('"A "best" day, ever",5,1', 'A "best" day, ever'),
        ('"never closed,5,1', "never closed"),
        ('a 12" record,5,1', 'a 12" record'),
        ("https://a.b/c?d=1,2,5,1", "https://a.b/c?d=1,2"),
        ('"two\nlines",5,1', "two\nlines"),
    ],
)
def test_quotes_and_commas(line: str, prompt: str, tmp_path: Path) -> None:
    rows = read_prompts(_file(tmp_path, f"prompts,seeds,prompt_inds\n{line}\nplain,6,2\n"))
    assert rows == [PromptRow(prompt, 5, 1), PromptRow("plain", 6, 2)]


def test_prompts_are_numbered_where_the_file_does_not(tmp_path: Path) -> None:
    rows = read_prompts(_file(tmp_path, "prompt,seed\na,1\nb,1\n\na,2\n"))
    assert [row.image for row in rows] == ["prompt_0_seed_1", "prompt_1_seed_1", "prompt_0_seed_2"]


def test_other_columns_and_an_index_are_left_alone(tmp_path: Path) -> None:
    assert read_prompts(_file(tmp_path, ",seed,prompt,note\n0,4,a lemon,x\n")) == [PromptRow("a lemon", 4, 0)]


def test_rows_without_seeds_are_given_them(tmp_path: Path) -> None:
    file = _file(tmp_path, 'prompt\na mug, red\n"a ""big"" car,\nblue"\na mug, red\n"never closed\n')
    rows = read_prompts(file)
    prompts = ["a mug, red", 'a "big" car,\nblue', "a mug, red", "never closed"]
    assert rows == [
        PromptRow(text, seed, of) for seed, (text, of) in enumerate(zip(prompts, (0, 1, 0, 2), strict=True))
    ]
    assert read_prompts(file, limit=2) == rows[:2]
    other = tmp_path / "test.parquet"
    pq.write_table(pa.table({"prompts": ["a mug, red", "a lemon"], "prompt_inds": [0, 7]}), other)
    assert read_prompts(str(other), after=rows) == [PromptRow("a mug, red", 4, 0), PromptRow("a lemon", 5, 7)]
    assert about_prompts(file)[0].startswith(f"{file} has no seeds") and about_prompts(str(other))
    assert not about_prompts("stilllife")
    assert not about_prompts(_file(tmp_path, "prompts,seeds\na,3\n", name="seeds.csv"))


def test_parquet_and_limit(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    pq.write_table(pa.table({"prompts": ["a", "b"], "seeds": [3, 4], "prompt_inds": [9, 8]}), path)
    assert read_prompts(str(path), limit=1) == [PromptRow("a", 3, 9)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt,seed\na,1\nb,one\n", r"line 3: seed 'one' is not a whole number"),
        ("prompt,seed\na,-1\n", r"line 2: seed '-1'"),
        ("prompt,seed\n,1\n", r"line 2: the prompt is empty"),
        ("prompt,seed\nalone\n", r"line 2: not a row"),
        ("prompt,seed\na,1\nb,2\na,1\n", r"line 4: picture prompt_0_seed_1 is already on line 2"),
        ("text,number\na,1\n", r"needs columns prompt,seed"),
        ("prompt,seed\n", r"holds no prompts"),
        ("", r"is empty"),
        ("prompt,seed\n\0\0\0,1\n", r"is not text"),
    ],
)
def test_bad_files_name_what_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match=message):
        read_prompts(_file(tmp_path, text))


def test_missing_file() -> None:
    with pytest.raises(UnderpaintingError, match=r"no prompts at nowhere\.csv"):
        read_prompts("nowhere.csv")


def test_broken_parquet(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UnderpaintingError, match="not a readable Parquet"):
        read_prompts(str(tmp_path / "p.parquet"))
