"""Projects unlike others: whatever the scores and the gold answers are, every page and every queue says something."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from mapd.review.queues import QUEUES
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files, writing
from tests.pages.running import ROOT, errors, shown, triage

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").rglob("*.py"))
BROKEN = re.compile(r"\b(?:None(?! yet)|nan|NaN|inf|undefined|Traceback)\b|\d / 0\b|%\w|\{\w*\}")


def scored(*scores: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Rows whose every rationale got these scores."""
    return lambda row: row | {f"{name}_rationale": [row[f"{name}_rationale"][0], *scores] for name in samples.TEACHERS}


def alone(row: dict[str, Any]) -> dict[str, Any]:
    """A row of one teacher, whom nobody reviews."""
    kept = {key: value for key, value in row.items() if not key.startswith(samples.TEACHERS[1:])}
    return kept | {"gpt_rationale": row["gpt_rationale"][:1]}


ODD: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "every score is 5": scored(5, 5),
    "no score can be read": scored(0, 9),
    "no reviewer": alone,
    "no gold": lambda row: row,
}


@pytest.fixture(params=[*ODD, "empty"])
def odd(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> str:
    """The name of the store that lies in the home now."""
    engine = db.open_store(Settings())
    if request.param in ODD:
        with writing(engine) as session:
            rows = [ODD[request.param](samples.row(number)) for number in range(4)]
            import_files(session, *samples.write(tmp_path, rows))
            if request.param == "no gold":
                session.execute(sa.update(t.Question).values(gold=""))
    engine.dispose()
    return str(request.param)


def said(app: AppTest) -> str:
    """All that the page says."""
    kinds = ("markdown", "caption", "header", "subheader", "info", "warning")
    words = [str(element.value) for kind in kinds for element in app.get(kind) if element.value is not None]
    html = re.sub(r"<(script|style).*?</\1>", "", shown(app), flags=re.DOTALL)
    return " ".join([*words, *re.sub(r"<[^>]*>", " ", html).split()])


SAYS = {  # store -> page or queue -> what it must say there
    "every score is 5": {"pages/curate/agreement.py": "too few: 12 of 30"},
    "no score can be read": {
        "disagree": "No rationale of this exam has a valid vote yet",
        "pages/curate/agreement.py": "No rationale has scores by two reviewers",
        "pages/curate/snapshots.py": "ask reviewers for votes, or judge",
    },
    "no reviewer": {"accepted-wrong": "No rationale of this exam has a valid vote yet"},
    "no gold": {
        "accepted-wrong": "No question of this exam has a gold answer to compare with",
        "pages/curate/snapshots.py": "– pairs with a wrong answer",
        "pages/curate/threshold.py": "accepted, wrong answer – – – rejected, right answer – – –",
        "pages/loop/overview.py": "no gold",
        "pages/review/browse.py": "13 – none given",
    },
    "empty": {"pages/review/triage.py": "No exam yet"},
}


def test_every_page_and_every_queue_says_something(odd: str) -> None:
    app, found = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60), {}
    for path in PAGES:
        found[path] = fine(app.switch_page(path).run(), path)
    for queue in () if odd == "empty" else QUEUES:
        window = triage().window(queue=queue)
        assert window["problems"] == [], queue
        assert bool(window["cards"]) is (window["queue"]["all"] > 0), queue
        found[queue] = str(window["lacking"])
        assert all(card["question"]["gold"] == "" for card in window["cards"] if odd == "no gold")
    for where, words in SAYS[odd].items():
        assert words in found[where], (where, found[where])


def fine(app: AppTest, where: str) -> str:
    """What the page says; it breaks nowhere, and complains where there is nothing to freeze alone."""
    assert not app.exception, where
    assert [e for e in errors(app) if "nothing to freeze" not in e] == [], where
    words = said(app)
    assert len(words) > 20, where
    assert BROKEN.search(words) is None, (where, BROKEN.search(words), words)
    return words
