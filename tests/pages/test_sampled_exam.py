"""The exam page of an exam that asked each question several times."""

from pathlib import Path

from mapd.settings import Settings
from mapd.store import db
from tests.pages.running import errors, open_page, shown
from tests.test_exam import SAMPLED, Dicing, prepare, sit


def test_the_page_shows_mean_majority_and_pass_with_their_intervals(home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        prepare(session)
    single = sit(engine, Dicing()).exam
    sampled = sit(engine, Dicing(), decoding=SAMPLED, samples=4, seed=5).exam
    app = open_page("pages/loop/exam.py", exam=sampled)
    assert errors(app) == []
    assert next(heading.value for heading in app.subheader) == "4 answers to each question"
    assert all(f">{name}<" in shown(app) for name in ("mean@4", "maj@4", "pass@1", "pass@2", "pass@4"))
    assert "mean@" not in shown(open_page("pages/loop/exam.py", exam=single))
