"""README, CONTRIBUTING and docs/: each module is in README's list, and each path that they name is there."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests import modules

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
# The folders of the checkout, and the rooms of mapd/: a path begins with one of them.
TOPS = ("mapd", "pages", "tests", "docs", "benchmarks", "examples", "data/demo")
ROOMS = tuple(path.name for path in (ROOT / "mapd").iterdir() if path.is_dir() and not path.name.startswith("_"))
PATH = re.compile(rf"(?<![\w/.:-])((?:{'|'.join((*TOPS, *ROOMS))})/[\w./*-]*[\w/]|[\w-]+\.(?:py|js))(?![\w/])")
NO_PATHS = {"questions/s", "benchmarks/NAME.py"}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@cache
def files() -> frozenset[str]:
    """Every file of the checkout, and every folder."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    paths = [path for path in map(Path, listed.stdout.splitlines()) if (ROOT / path).exists()]
    return frozenset(each.as_posix() for path in paths for each in (path, *path.parents))


def is_there(path: str) -> bool:
    """Whether it names a file or a folder of the checkout; in mapd/ the room is enough."""
    name = path.rstrip("/")
    if "/" not in name:
        return any(file.rsplit("/", 1)[-1] == name for file in files())
    return any(root + name in files() for root in ("", "mapd/"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_is_there(document: str) -> None:
    text = modules.BLOCK.sub("", (ROOT / document).read_text(encoding="utf-8"))
    assert sorted(path for path in {*PATH.findall(text)} - NO_PATHS if not is_there(path)) == []
    links = {path for path in LINK.findall(text) if path}
    assert sorted(link for link in links if not (ROOT / document).parent.joinpath(link).exists()) == []


def test_readme_lists_every_module_in_one_line() -> None:
    block = modules.BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    assert block[0] == block[1] + modules.listing() + block[2], "run: python -m tests.modules --write"


def test_every_module_says_what_it_is_in_one_line_of_its_own() -> None:
    lines = modules.listing().splitlines()
    sentences = [line[24:].strip() for line in lines]
    assert [line for line, sentence in zip(lines, sentences, strict=True) if not 10 <= len(sentence) <= 140] == []
    assert len(set(sentences)) == len(sentences)


def test_a_section_of_readme_that_the_code_names_is_there() -> None:
    headings = set(re.findall(r"^## (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "mapd").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'\(README, "?([\w ]+)"?\)', text)}
    assert named
    assert named <= headings


# What a reader looks for: the words of README's list that lead there, and what the last file holds.
JOURNEYS = {
    "the acceptance rule": ("The committee's rules", "average > Fraction(str(threshold))"),
    "the joint loss": ("The joint loss", "alpha · L_feedback + (1 - alpha) · L_rationale"),
    "the ledger's key": ("by the ledger's key", "hashlib.sha256(canonical"),
    "what key `a` does": ("what each key does", "function accept(triage)"),
}


@pytest.mark.parametrize("aim", JOURNEYS)
def test_a_reader_opens_three_files_at_most(aim: str) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    row = next(line for line in guide.splitlines() if line.startswith(f"| {aim} |"))
    steps = re.findall(r"`([\w./]+\.(?:md|py|js))`", row)
    symbols = re.findall(r"`(\w+)`", row.split("|")[2])
    clue, content = JOURNEYS[aim]
    assert steps[0] == "README.md"
    assert len(steps) <= 3
    assert clue in (ROOT / "README.md").read_text(encoding="utf-8"), "README leads there"
    texts = [(ROOT / step).read_text(encoding="utf-8") for step in steps[1:]]
    assert all(symbol in text for symbol, text in zip(symbols, texts, strict=True))
    assert content in texts[-1]
