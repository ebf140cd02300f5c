"""Folders and the hub: splits by their names, no code run, and a real (small) hub on this machine."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import datasets
import pytest

from mapd.errors import BadInput
from mapd.questions import imports
from mapd.questions.formats import headings
from mapd.questions.imports import Instructions
from mapd.questions.rows import split_of_name
from mapd.questions.sources import read_path, split_by_names
from tests.questions import shapes


def gsm8k(count: int, word: str = "pens") -> list[dict[str, Any]]:
    return [{"question": f"Ann has {n} {word}. How many?", "answer": f"She has {n}.\n#### {n}"} for n in range(count)]


def imported(path: Path, **instructions: Any) -> imports.QuestionImport:
    return imports.read(read_path(path, headings), Instructions(**instructions))


def splits(whole: imports.QuestionImport) -> dict[str, int]:
    return dict(Counter(row.split for row in whole.rows))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/validation-00000-of-00001.parquet", "dev"),
        ("train.jsonl", "train"),
        ("auxiliary_train/x.csv", "train"),
        ("val/anatomy_val.csv", "dev"),
        ("test/anatomy.csv", "test"),
        ("Eval.txt", "dev"),
        ("contest.jsonl", None),
        ("train_and_test.jsonl", None),
    ],
)
def test_a_name_says_the_split(name: str, split: str | None) -> None:
    assert split_of_name(name) == split


def test_a_dataset_that_was_saved(tmp_path: Path) -> None:
    whole = datasets.DatasetDict(
        {
            "train": datasets.Dataset.from_list(gsm8k(5)),
            "validation": datasets.Dataset.from_list(gsm8k(3, "cups")),
            "test": datasets.Dataset.from_list(gsm8k(2, "hats")),
        }
    )
    whole.save_to_disk(tmp_path / "all")
    assert splits(imported(tmp_path / "all")) == {"train": 5, "dev": 3, "test": 2}
    whole["train"].save_to_disk(tmp_path / "one")
    assert splits(imported(tmp_path / "one", shares=(0.6, 0.4, 0))) == {"train": 3, "dev": 2}
    with pytest.raises(BadInput, match="splits of their own"):
        imported(tmp_path / "all", split="train")


def test_splits_of_other_names_are_asked_for(tmp_path: Path) -> None:
    datasets.DatasetDict({"main": datasets.Dataset.from_list(gsm8k(2))}).save_to_disk(tmp_path / "set")
    with pytest.raises(BadInput, match="a split main, which is none of train, validation and test"):
        read_path(tmp_path / "set")
    assert len(imported(tmp_path / "set" / "main").rows) == 2


def test_files_as_they_lie_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("# a set")
    (tmp_path / "gsm8k.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_bytes(shapes.in_parquet(gsm8k(4)))
    (tmp_path / "data" / "test.jsonl").write_bytes(shapes.jsonl(gsm8k(2, "cups")))
    assert splits(imported(tmp_path)) == {"train": 4, "test": 2}
    assert not (tmp_path / "ran").exists()


def test_a_lone_split_is_kept_or_drawn(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(shapes.jsonl(gsm8k(10)))
    assert splits(imported(tmp_path)) == {"train": 10}
    assert splits(imported(tmp_path, shares=(0.5, 0, 0.5))) == {"train": 5, "test": 5}


def test_several_files_have_the_splits_that_all_their_names_tell(tmp_path: Path) -> None:
    for name in ("gsm8k_train.jsonl", "gsm8k_test.jsonl", "more.jsonl"):
        (tmp_path / name).write_bytes(shapes.jsonl(gsm8k(2, name)))
    train, test, more = (
        read_path(tmp_path / name)[0] for name in ("gsm8k_train.jsonl", "gsm8k_test.jsonl", "more.jsonl")
    )
    assert [table.split for table in split_by_names([train, test])] == ["train", "test"]
    assert [table.split for table in split_by_names([train, test, more])] == [None] * 3
    assert [table.split for table in split_by_names([train])] == [None]


def test_a_folder_of_several_sets_is_refused(tmp_path: Path) -> None:
    for config in ("main", "socratic"):
        (tmp_path / config).mkdir()
        (tmp_path / config / "train.jsonl").write_bytes(shapes.jsonl(gsm8k(2)))
    with pytest.raises(BadInput, match=r"several sets: main, socratic; give the folder of one"):
        read_path(tmp_path)


def test_math_is_one_file_a_problem(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("test", 3)):
        for n in range(count):
            path = tmp_path / split / "algebra" / f"{n}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            solution = rf"So it is $\boxed{{{n}}}$."
            path.write_text(
                json.dumps({"problem": f"{split} {n}?", "level": "Level 1", "type": "Algebra", "solution": solution})
            )
    whole = imported(tmp_path)
    assert (whole.format, splits(whole)) == ("math", {"train": 4, "test": 3})
    assert [row.gold for row in whole.rows if row.split == "test"] == ["0", "1", "2"]


def test_mmlu_is_one_file_a_subject(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        (tmp_path / split).mkdir()
        for subject in ("anatomy", "world_religions"):
            (tmp_path / split / f"{subject}_{split}.csv").write_text(f"{subject} {split} {1}?,a,b,c,d,B\n")
    whole = imported(tmp_path)
    assert splits(whole) == {"dev": 2, "test": 2}
    assert [row.family for row in whole.rows] == ["anatomy", "world_religions"] * 2


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "holds no file of questions"),
        ({"evil.py": "open('ran', 'w')"}, "evil.py: code in a folder is never run"),
        ({"state.json": "[]", "dataset_info.json": "{"}, "can't be read as a folder that datasets saved"),
        ({"dataset_dict.json": '{"splits": ["../.."]}'}, "can't be read as a folder that datasets saved"),
    ],
)
def test_a_folder_of_no_questions_gets_one_line(
    files: dict[str, str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(BadInput) as refused:
        read_path(folder)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_file_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        read_path(tmp_path / "missing.jsonl")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        read_path(tmp_path / "pipe")


# --- The hub ----------------------------------------------------------------------------------------------------------

COMMIT = "c0ffee" + "0" * 34
CARD = "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train.jsonl\n  - split: test\n    path: main/test.jsonl\n---\n"  # noqa: E501
ON_THE_HUB = {
    "org/gsm8k": {
        "README.md": CARD.encode(),
        "main/train.jsonl": shapes.jsonl(gsm8k(5)),
        "main/test.jsonl": shapes.jsonl(gsm8k(3, "cups")),
    },
    "org/script": {"script.py": b"open('ran', 'w')", "train.jsonl": shapes.jsonl(gsm8k(2))},
}


class Hub(BaseHTTPRequestHandler):
    """What huggingface_hub and datasets ask a hub for."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0].removeprefix("/api").removeprefix("/datasets/")
        name = next((name for name in ON_THE_HUB if path.startswith(name)), None)
        if name is None:
            return self.answer(404, b"{}")
        files, rest = ON_THE_HUB[name], path.removeprefix(name)
        if "/resolve/" in rest:
            file = files.get(rest.split("/", 3)[3])
            return self.answer(404, b"{}") if file is None else self.answer(200, file)
        if rest.startswith("/tree/"):
            folder = rest.split("/", 3)[3:] or [""]
            inside = {key: file for key, file in files.items() if key.startswith(folder[0])}
            entries = [
                {"type": "file", "path": key, "size": len(file), "oid": hashlib.sha1(file).hexdigest()}
                for key, file in inside.items()
            ]
            return self.answer(200, json.dumps(entries).encode())
        info = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": key} for key in files], "tags": []}
        return self.answer(200, json.dumps(info | {"downloads": 0, "likes": 0, "private": False}).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for key, value in {
            "content-length": str(len(body)),
            "etag": f'"{hashlib.sha1(body).hexdigest()}"',
            "x-repo-commit": COMMIT,
            "x-linked-size": str(len(body)),
            **({} if status == 200 else {"x-error-code": "EntryNotFound"}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


RUN_EACH = """
import contextlib, io, json, sys
from mapd import cli
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["mapd", "questions", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    sys.__stdout__.write(json.dumps([code, out.getvalue(), err.getvalue()]) + "\\n")
"""


def mapd(endpoint: str, folder: Path, *commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """Run them in a process of their own: huggingface_hub reads its address once, when it is loaded."""
    here = {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hf"), "MAPD_HOME": str(folder / "home")}
    command = [sys.executable, "-c", RUN_EACH, json.dumps(commands)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**os.environ, **here}, timeout=240)
    assert ran.returncode == 0, ran.stderr
    return [tuple(json.loads(line)) for line in ran.stdout.splitlines()]


def test_a_set_of_the_hub_is_added_with_its_commit_and_what_it_does_not_give_gets_one_line(
    hub: str, tmp_path: Path
) -> None:
    faults = {
        "org/gsm8k:other": "BuilderConfig 'other' not found",
        "org/missing": "404",
        "org/script": "Dataset scripts are no longer supported",
        "../../etc": "is named ORG/NAME",
    }
    (code, out, err), (_, sets, _), *refused = mapd(
        hub,
        tmp_path,
        ("add", "gsm8k", "--hub", "org/gsm8k:main", "--json"),
        ("list", "--json"),
        *(("add", "set", "--hub", name) for name in faults),
    )
    assert code == 0, err
    told = json.loads(out)
    assert (told["format"], told["train"], told["test"]) == ("gsm8k", 5, 3)
    assert json.loads(sets)["sets"][0]["source"] == f"hub org/gsm8k:main at {COMMIT}"
    for why, (code, out, err) in zip(faults.values(), refused, strict=True):
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert why in err
    assert not (tmp_path / "ran").exists()


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    ((code, _, err),) = mapd("http://127.0.0.1:9", tmp_path, ("add", "set", "--hub", "org/gsm8k"))
    assert (code, err.count("\n")) == (1, 1)
    assert "the hub doesn't give the set: org/gsm8k" in err
