"""CONTRIBUTING's lists: each file that they name is there; a format, a check and a policy are added as they say."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = GUIDE[GUIDE.index("## How to add") : GUIDE.index("## A reader's test")]
LISTS = dict(re.findall(r"\*\*(An? [\w ]+)\*\*\n\n((?:.|\n)+?)(?=\n\*\*|\Z)", SECTION))
TITLES = (
    "A question format",
    "A check",
    "A policy",
    "A teacher kind",
    "A page",
    "An export format",
    "A migration",
)


def paths(title: str) -> list[str]:
    """The files that a list names, in its order."""
    return list(dict.fromkeys(re.findall(r"(?:mapd|pages|tests)/[\w/.-]+\.(?:py|ini)|(?<=`)app\.py", LISTS[title])))


@pytest.mark.parametrize("title", TITLES)
def test_each_list_is_short_and_names_files_that_are_there(title: str) -> None:
    assert set(LISTS) == set(TITLES)
    assert len(LISTS[title].splitlines()) <= 14
    assert len(paths(title)) > 1
    assert [path for path in paths(title) if not (ROOT / path).is_file()] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a copy of the package."""
    shutil.copytree(ROOT / "mapd", tmp_path / "mapd", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(folder: Path, title: str, pattern: str, replacement: str) -> None:
    """Change one of the files that a list names, in the copy: the one in which the pattern stands."""
    places = [folder / path for path in paths(title) if path.startswith("mapd/")]
    texts = {place: place.read_text(encoding="utf-8") for place in places}
    hits = [place for place, text in texts.items() if re.search(pattern, text, flags=re.DOTALL)]
    assert len(hits) == 1, f"{title}: {pattern!r} stands in {hits or 'none of its files'}"
    hits[0].write_text(re.sub(pattern, replacement, texts[hits[0]], count=1, flags=re.DOTALL), encoding="utf-8")


def run(folder: Path, lines: Sequence[str]) -> None:
    """Run these lines with the copy's package."""
    code = "\n".join(("import sys", f"sys.path.insert(0, {str(folder)!r})", *lines))
    child = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-2000:]


def test_a_question_format_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "A question format")
    text = (ROOT / paths("A question format")[0]).read_text(encoding="utf-8")
    body = text[text.index("from mapd.answers") :].split("SVAMP = ")[0].replace(", shares_of", "")
    shape = 'shape("question=Riddle,answer=Solution", fields="Riddle Solution")'
    body += f'RIDDLES = Format("riddles", Task.TEXT, ({shape},))\n'
    (folder / "mapd/questions/formats/riddles.py").write_text(body, encoding="utf-8")
    change(r"(from mapd\.questions\.formats\.svamp)", r"from mapd.questions.formats.riddles import RIDDLES\n\1")
    change(r"_ALL = \(", "_ALL = (RIDDLES, ")
    run(
        folder,
        [
            "from mapd.questions.formats import recognise",
            "rows = [{'Riddle': 'What has keys?', 'Solution': 'a piano'}] * 3",
            "assert recognise('r.jsonl', rows)[0].name == 'riddles'",
        ],
    )


def test_a_check_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "A check")
    change(r'(class RationaleChecks:.*?limit: str = ""\n)', r"\1    is_short: State = State.NOTHING\n")
    change(
        r"_shows_work\(text, task\), equations_, limit\)",
        "_shows_work(text, task), equations_, limit, State.HOLDS if len(text) < 90 else State.FAILS)",
    )
    change(r'(    SHOWS_WORK = "shows_work"\n)', r'\1    IS_SHORT = "is_short"\n')
    change(r"(    shows_work: State = State\.NOTHING\n)", r"\1    is_short: State = State.NOTHING\n")
    change(r"(_RATIONALE_FAILS = \{\n)", r'\1    (Check.IS_SHORT, State.FAILS): "it is long",\n')
    change(r"checks\.shows_work\)", "checks.shows_work, checks.is_short)")
    change(r'Check\.SHOWS_WORK: "work"', 'Check.SHOWS_WORK: "work", Check.IS_SHORT: "short"')
    change(r'Check\.SHOWS_WORK: "shows work"', 'Check.SHOWS_WORK: "shows work", Check.IS_SHORT: "is short"')
    run(
        folder,
        [
            "from pathlib import Path",
            f"sys.path.append({str(ROOT)!r})",
            "from tests import looped",
            "from mapd.checks import State",
            "from mapd.curation import live_set",
            "from mapd.domain import Verdict",
            "from mapd.policies import PRESETS, Check, Policy",
            "from mapd.settings import Settings",
            "from mapd.store import db, queries",
            "from mapd.ui.kit import rows",
            "from mapd.ui.threshold import lab",
            "import mapd.curation.curated as module",
            f"assert module.__file__.startswith({str(folder)!r})",
            "engine = db.open_store(Settings(home=Path('home'), database_url=None))",
            "looped.go_round(engine)",
            "short = Policy('short', threshold=0, checks=frozenset({Check.IS_SHORT}))",
            "with db.reading(engine) as session:",
            "    sets = [live_set.load_curated(session, exam.id, short) for exam in queries.exams(session)]",
            "texts = [x for curated in sets for x in curated.rationales]",
            "long = [x for x in texts if x.states.is_short is State.FAILS]",
            "assert 0 < len(long) < len(texts)",
            "assert all(x.committee.why == 'it is long' and x.verdict is Verdict.REJECTED for x in long)",
            "assert Check.IS_SHORT not in PRESETS['strict'].checks",
            "assert rows.CHECKS[Check.IS_SHORT] == 'short' and lab.CHECKS[Check.IS_SHORT] == 'is short'",
        ],
    )


def test_a_policy_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "A policy")
    change(r"(PRESETS: Mapping\[.*?for p in \(PAPER, STRICT)\)", r'\1, Policy("mild", threshold=2.5))')
    run(
        folder,
        [
            "from mapd.domain import Verdict",
            "from mapd.policies import PRESETS, CheckStates, decide_rationale",
            "assert decide_rationale([3], PRESETS['mild'], CheckStates()).verdict is Verdict.ACCEPTED",
            "assert decide_rationale([3], PRESETS['paper'], CheckStates()).verdict is Verdict.REJECTED",
        ],
    )
