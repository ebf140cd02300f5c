"""Every figure of pages and commands, counted again from the rows (tests/counting.py), on projects of all kinds."""

import html
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from mapd import cli
from mapd.curation import live_set, saved_policies, snapshots
from mapd.domain import Act
from mapd.exchange import recorded
from mapd.people import owner
from mapd.policies import Check, Policy
from mapd.review import assignment, batches, judging, repairs
from mapd.review.judging import Circumstances, Target
from mapd.review.queues import QUEUES
from mapd.settings import Settings
from mapd.store import committees, db, judgement_log, queries
from mapd.store import tables as t
from tests import choices
from tests.conftest import writing
from tests.counting import Count
from tests.pages.running import open_page, shown, triage

ME = "me"  # who sits before each page: running.open_page


# -- projects of all kinds --------------------------------------------------------------------------------------------


def judge_it(session: Session) -> None:
    """Every kind of act, by several people: with what was undone, withdrawn, skipped, noted, corrected and repaired."""
    mistakes = live_set.load_curated(session, 1).mistakes
    texts = [x.text for m in mistakes for x in m.rationales]
    feedback = [x.text for m in mistakes for x in m.feedback]

    def judge(kind: str, row: int, act: Act, by: str, **more: Any) -> t.Judgement:
        return judging.judge(session, Target(kind, row), act, by=owner(by), **more)

    for n, (act, by) in enumerate([(Act.ACCEPT, "ann"), (Act.REJECT, "ann"), (Act.REJECT, ME), (Act.ACCEPT, ME)] * 3):
        judge("rationale", texts[n].id, act, by)
    judge("rationale", texts[0].id, Act.REJECT, "bob")  # they differ
    judge("rationale", texts[1].id, Act.ACCEPT, "bob")
    judge("rationale", texts[1].id, Act.ACCEPT, "eve", role="adjudicator", note="each step follows")
    judge("rationale", texts[12].id, Act.SKIP, ME)
    judge("rationale", texts[13].id, Act.SKIP, ME, reason="note", note="hm")
    judge("rationale", texts[3].id, Act.WITHDRAW, ME)
    judging.undo(session, queries.identity(judge("rationale", texts[14].id, Act.REJECT, "ann")), by=owner("ann"))
    undone = judging.undo(
        session, queries.identity(judge("rationale", texts[15].id, Act.REJECT, "ann")), by=owner("ann")
    )
    judging.undo(session, queries.identity(undone), by=owner("ann"))
    judge("rationale", texts[16].id, Act.CORRECT, "ann", value="77")  # how its own answer reads
    for x in feedback[:3]:
        judge("feedback", x.id, Act.REJECT, "bob", reason="other")
    judge("feedback", feedback[4].id, Act.REJECT, ME)
    judge("question", mistakes[6].question.id, Act.CORRECT, "ann", value="99")
    judge("question", mistakes[7].question.id, Act.REJECT, "ann", reason="gold_wrong")
    judge("attempt", mistakes[8].attempt.id, Act.REJECT, "ann")
    judge("attempt", mistakes[9].attempt.id, Act.CORRECT, "ann", value=mistakes[9].gold)
    judge("attempt", mistakes[10].attempt.id, Act.ACCEPT, "ann")
    judge("attempt", mistakes[11].attempt.id, Act.REJECT, "ann")
    judge("attempt", mistakes[11].attempt.id, Act.ACCEPT, "bob")
    kept = repairs.repair(
        session, Target("rationale", texts[18].id), f"{texts[18].text} So 21.", by=owner("ann"), token="a"
    )
    judge("rationale", queries.identity(kept), Act.REJECT, "bob")
    repairs.repair(session, Target("rationale", texts[19].id), "10 + 3 = 13. So 13.", by=owner("ann"), token="b")
    repairs.repair(
        session, Target("rationale", texts[20].id), "A copy that was taken back: 9.", by=owner("zoe"), token="c"
    )
    batches.take_back(session, batches.find_undoable(judgement_log.judgements(session, 1), "zoe"), by=owner("zoe"))
    for number, x in enumerate(texts[24:27]):
        target, how = Target("rationale", x.id), Circumstances(queue="everything")
        judging.judge(session, target, Act.ACCEPT, by=owner(ME), token=f"rest/{number}", circumstances=how)


def ask_again(session: Session) -> None:
    """A second exam over the same questions, two answers to each: its rationales are the first one's."""
    first = session.get_one(t.Exam, 1)
    again = t.Student(name="again", base="x")
    session.add(again)
    session.flush()
    own = {"student_id": again.id, "set_id": first.set_id, "split": "train", "graded_by": "ours", "round": 1}
    exam = t.Exam(name="a second time", decoding={"samples": 2}, **own)
    session.add(exam)
    session.flush()
    members = [queries.identity(teacher) for teacher in session.exec(select(t.Teacher)).all()]
    committees.name_members(session, queries.identity(exam), members)
    for q in session.exec(select(t.Question).order_by(col(t.Question.position))).all():
        for sample in range(2):
            right = (q.position + sample) % 3 == 0
            told = {"text": q.gold if right else "1", "answer": q.gold if right else "1"}
            outcome = "correct" if right else "incorrect"
            of = {"exam_id": exam.id, "question_id": q.id, "sample": sample, "our_outcome": outcome}
            session.add(t.Attempt(outcome=outcome, **of, **told))


def imported(session: Session) -> None:
    """As it came in."""


def lived_in(session: Session) -> None:
    """By several people."""
    judge_it(session)


def under_gold(session: Session) -> None:
    """Under a policy that checks the gold."""
    judge_it(session)
    saved_policies.set_policy(session, 1, "strict", None, by=owner("ann"))


def of_our_own(session: Session) -> None:
    """Under a policy of the project's own, its threshold moved."""
    judge_it(session)
    checks = frozenset({Check.EQUATIONS_TRUE})
    saved_policies.save_policy(session, Policy("fair", 2.5, 2, checks, leniency_adjusted=True), by=owner("ann"))
    saved_policies.set_policy(session, 1, "fair", 3.35, by=owner("ann"))


def several(session: Session) -> None:
    """Where three people are to judge each text, after practice, with checks between."""
    judge_it(session)
    assignment.set_judging(session, 1, by=owner("ann"), judgements_wanted=3, practice=1, check_every=5, repeat_every=5)


def asked_again(session: Session) -> None:
    """Two exams over the same questions."""
    judge_it(session)
    ask_again(session)


def of_choices(session: Session) -> None:
    """With a second exam, of choices that were answered elsewhere and corrected here."""
    second = choices.fill(session).id
    mistakes = live_set.load_curated(session, second).mistakes
    for kind, row, value in (
        ("rationale", mistakes[1].rationales[0].text.id, "granite 1"),
        ("question", mistakes[0].question.id, "C"),
        ("attempt", mistakes[2].attempt.id, "moss 2"),
    ):
        judging.judge(session, Target(kind, row), Act.CORRECT, by=owner("ann"), value=value)


KINDS: dict[str, Callable[[Session], None]] = {
    make.__name__: make for make in (imported, lived_in, under_gold, of_our_own, several, asked_again, of_choices)
}
EXAMS = [(name, 1) for name in KINDS] + [("asked_again", 2), ("of_choices", 2), ("demo", 1), ("demo", 2)]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The stores that were made so far, by name."""
    return {}


@pytest.fixture(params=EXAMS, ids=lambda exam: f"{exam[0]}-{exam[1]}")
def exam(
    request: pytest.FixtureRequest, made: dict[str, Path], full_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> int:
    """An exam's id; its project lies in the home."""
    name, exam_id = request.param
    store = full_home / "mapd.db"
    if name not in made:
        if name == "demo":
            store.unlink()
        engine = db.open_store(Settings())
        if name == "demo":
            recorded.load(engine, full_home, by=owner("ann"))
        with writing(engine) as session:
            if name != "demo":
                KINDS[name](session)
            for every in (False, True):
                curated = live_set.load_curated(session, 1)
                snapshots.freeze(session, curated, by=owner("ann"), seed=3, everything=every)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        made[name] = tmp_path_factory.mktemp(name) / "mapd.db"
        shutil.copyfile(store, made[name])
    for left in full_home.glob("mapd.db*"):
        left.unlink()
    shutil.copyfile(made[name], store)
    return int(exam_id)


@pytest.fixture
def rows(exam: int) -> Iterator[Count]:
    """The exam, counted from its rows under its own policy."""
    with db.reading(db.open_store(Settings())) as session:
        yield Count(session, exam, saved_policies.exam_policy(session, queries.exam(session, exam)))


# -- what pages and commands say --------------------------------------------------------------------------------------


def plain(body: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", body))


def numbers(page: str, rows: Count, **params: str) -> str:
    """The HTML of a page of the exam."""
    return shown(open_page(f"pages/{page}.py", exam=rows.exam["uid"], **params))


def number(cell: str) -> int | None:
    """The number of a cell; None where it says that nobody knows."""
    digits = plain(cell).replace(",", "").strip()
    return None if digits == "–" else int(digits)


def figure(body: str, word: str) -> int | None:
    """The number over a word."""
    (cell,) = re.findall(rf"<div><dd>((?:(?!<dd>).)*?)</dd><dt>{re.escape(html.escape(word))}</dt></div>", body)
    return number(cell)


def row(body: str, name: str) -> list[str]:
    """The cells of a table's row behind its name."""
    for found in re.findall(r"<tr>(.*?)</tr>", body):
        cells = [plain(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", found)]
        if cells and cells[0].strip().removesuffix(" simulated") == name:
            return cells[1:]
    raise AssertionError(f"no row {name}")


def bar(body: str, name: str) -> tuple[int, int]:
    """A line of the funnel: how many of how many."""
    found = re.search(rf'<span>{name}</span><b>([\d,]+)</b><span class="mapd-note">of ([\d,]+)</span>', body)
    assert found, name
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


@pytest.fixture
def mapd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """A command's JSON."""

    def run(*words: object) -> Any:
        monkeypatch.setattr(sys, "argv", ["mapd", *map(str, words), "--json"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert not end.value.code, err
        return json.loads(out)

    return run


def taught(rows: Count) -> bool:
    return bool(rows.exam["split"] == "train")


# -- the comparison ---------------------------------------------------------------------------------------------------


def test_the_command_counts_the_rows(rows: Count, mapd: Callable[..., Any]) -> None:
    told = mapd("curate", "show", "--exam", rows.exam["uid"], "--items")
    assert {word: told[word] for word in ("accepted", "rejected", "undecided")} == {
        word: rows.verdicts(word) for word in ("accepted", "rejected", "undecided")
    }
    assert (told["rationales"], told["overridden"]) == (len(rows.each("rationale")), rows.overridden())
    assert told["mistakes_covered"] == rows.covered
    assert (told["accepted_wrong_answer"], told["rejected_right_answer"]) == (rows.wrong, rows.rejected_right)
    assert told["answer_unreadable"] == sum(x.answer is None for x in rows.each("rationale"))
    assert {x["rationale"]: x["verdict"] for x in told["items"]} == {x.uid: x.verdict for x in rows.each("rationale")}
    assert sum(told["by_teacher"].values()) == told["accepted"]
    for verdict in ("accepted", "rejected", "undecided"):
        asked = ("--verdict", verdict, "--decision", "accept", "--by", "ann")
        for kind in ("rationale", "feedback"):
            fit = mapd("judge-all", "--exam", rows.exam["uid"], *asked, "--kind", kind)
            decided = sum(bool(x.word.by) for x in rows.each(kind) if x.verdict == verdict)
            assert (fit["fit"], fit["decided_before"]) == (rows.verdicts(verdict, kind), decided)


def test_the_overview_counts_the_rows(rows: Count) -> None:
    body = numbers("loop/overview", rows)
    if not taught(rows):
        return
    mistakes, taken = len(rows.mistakes), rows.corrected + rows.excluded
    assert bar(body, "mistakes") == (mistakes, mistakes + taken)
    explained = sum({x.kind for x in own} == {"rationale", "feedback"} for own in rows.of.values())
    assert bar(body, "with explanations") == (explained, mistakes)
    assert bar(body, "accepted rationales") == (rows.verdicts("accepted"), len(rows.each("rationale")))
    assert bar(body, "mistakes covered") == (rows.covered, mistakes)
    assert bar(body, "training pairs") == (rows.pairs, mistakes)
    frozen, of = bar(body, "frozen in a snapshot")
    assert of == rows.pairs
    assert frozen == (rows.pairs if rows.exam_id == 1 else 0), "what is frozen is what there is, and no more"
    if found := re.search(r"([\d,]+) accepted rationales? ends? in a wrong answer, not judged yet", body):
        unjudged = [x for x in rows.each("rationale") if not x.word.by]
        wrong = sum(x.verdict == "accepted" and x.matches == "fails" for x in unjudged)
        assert number(found[1]) == wrong
    for teacher in {x.teacher for x in rows.each("rationale")}:
        own = [x for x in rows.each("rationale") if x.teacher == teacher]
        accepted = [x for x in own if x.verdict == "accepted"]
        wrong = [x for x in accepted if x.matches == "fails"]
        assert list(map(number, row(body, teacher)[:3])) == [len(own), len(accepted), len(wrong)], teacher
    judged = [x for x in rows.each() if x.word.by]
    assert figure(body, f"of {len(rows.each()):,} texts judged") == len(judged)
    assert figure(body, "texts overridden") == rows.overridden(None)
    assert figure(body, "not a mistake") == rows.corrected
    assert figure(body, "excluded") == rows.excluded
    assert figure(body, "conflicts") == rows.conflicts


def test_the_lab_counts_the_rows(rows: Count) -> None:
    body = numbers("curate/threshold", rows)
    if not rows.each("rationale"):
        assert "accepted" not in body
        return
    told = {
        "rationales accepted": rows.verdicts("accepted"),
        "accepted, wrong answer": rows.wrong,
        "rejected, right answer": rows.rejected_right,
        "undecided": rows.verdicts("undecided"),
        "rationales overridden by people": rows.overridden(),
        "mistakes covered": rows.covered,
        "training pairs, one a mistake": rows.pairs,
    }
    for name, count in told.items():
        assert list(map(number, row(body, name)[:2])) == [count, count], name
    for teacher in {x.teacher for x in rows.each("rationale")}:
        own = [x for x in rows.each("rationale") if (x.teacher, x.verdict) == (teacher, "accepted")]
        assert list(map(number, row(body, teacher)[:2])) == [len(own), len(own)], teacher


def test_browse_counts_the_rows(rows: Count) -> None:
    several = {"others": "true"} if rows.exam["judgements_wanted"] > 1 else {}

    def count(of: str, **asked: str) -> int:
        found = re.search(
            rf"<b>([\d,]+)</b> of [\d,]+ {of}", numbers("review/browse", rows, show=of, **asked, **several)
        )
        assert found, asked
        return int(found[1].replace(",", ""))

    for kind in ("rationale", "feedback"):
        shown = "rationales" if kind == "rationale" else kind
        assert count(shown) == len(rows.each(kind))
        for verdict in ("accepted", "rejected", "undecided"):
            assert count(shown, verdict=verdict) == rows.verdicts(verdict, kind), (kind, verdict)
        assert count(shown, people="overridden") == rows.overridden(kind)
        assert count(shown, people="judged") == sum(bool(x.word.by) for x in rows.each(kind))
        assert count(shown, people="conflict") == sum(x.word.conflict for x in rows.each(kind))
    assert count("rationales", verdict="accepted", gold="fails") == rows.wrong
    assert count("rationales", verdict="rejected", gold="holds") == rows.rejected_right
    assert count("mistakes") == len(rows.mistakes)
    assert count("mistakes", verdict="accepted") == rows.covered
    assert count("questions") == len({a["question_id"] for a in rows.attempts})


def test_snapshots_count_their_own_pairs(rows: Count, mapd: Callable[..., Any]) -> None:
    wrong = {x.uid for x in rows.each("rationale") if x.matches == "fails"}
    for every, option in (("false", []), ("true", ["--all"])):
        body = numbers("curate/snapshots", rows, every=every, seed="3")
        pairs = rows.all_pairs if option else rows.pairs
        assert figure(body, "training pairs") == pairs
        assert figure(body, "mistakes in these pairs") == rows.pairs
        assert figure(body, "rationales accepted") == rows.verdicts("accepted")
        assert figure(body, "overridden by people") == rows.overridden()
        if not pairs:
            continue
        assert figure(body, "accepted, wrong answer") == rows.wrong
        made = mapd("curate", "snapshot", "--exam", rows.exam["uid"], "--seed", 3, *option)
        lines = (Path(made["path"]) / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
        ends = sum(json.loads(line)["rationale"]["uid"] in wrong for line in lines)
        assert (made["pairs"], made["mistakes"], made["wrong"]) == (len(lines), rows.pairs, ends)
        assert (figure(body, "training pairs"), figure(body, "pairs with a wrong answer")) == (len(lines), ends)
        listed = row(numbers("curate/snapshots", rows), made["snapshot"][:12])
        assert list(map(number, listed[5:8])) == [len(lines), rows.pairs, ends]
    if not rows.pairs:
        assert "nothing to freeze" in numbers("curate/snapshots", rows)


def test_people_count_the_rows(rows: Count, mapd: Callable[..., Any]) -> None:
    body, told = numbers("review/people", rows), mapd("people", "show", "--exam", rows.exam["uid"])
    rationales = rows.each("rationale")
    assert figure(body, f"of {len(rationales):,} rationales have all the judgements they need") == rows.judged_by_enough
    assert (told["done"], told["rationales"]) == (rows.judged_by_enough, len(rationales))
    assert figure(body, "texts that people disagree on") == sum(x.word.conflict for x in rows.each())
    assert figure(body, "people") == len(told["people"])
    for record in told["people"]:
        cells = row(body, record["person"])
        assert [number(cells[0]), number(cells[5])] == [record["texts"], record["adjudicated"]]


def test_the_other_pages_count_the_rows(rows: Count, mapd: Callable[..., Any]) -> None:
    data = row(numbers("loop/data", rows), rows.exam["name"])
    assert number(data[5]) == rows.recorded
    (listed,) = [e for e in mapd("exam", "list")["exams"] if e["exam"] == rows.exam["uid"]]
    assert listed["mistakes"] == rows.recorded
    sat = numbers("loop/exam", rows)
    assert figure(sat, "mistakes, as recorded") == rows.recorded
    if rows.each():
        committee = numbers("loop/committee", rows)
        rationales = rows.each("rationale")
        assert figure(committee, "mistakes") == len(rows.mistakes)
        assert figure(committee, "feedback") == len(rows.each("feedback"))
        assert figure(committee, "rationales") == len(rationales)
        votes = [r for r in rows.reviews if r["explanation_id"] in {x.id for x in rationales}]
        assert figure(committee, "reviews") == len(votes)
        assert figure(committee, "reviews without a vote") == sum(r["score"] is None for r in votes)
        room = open_page("pages/review/room.py", exam=rows.exam["uid"])
        assert f"1 of {len(rationales):,}<" in shown(room)


def test_triage_counts_the_rows(rows: Count) -> None:
    if not rows.each():
        return
    queues = triage(exam=rows.exam["uid"]).get("counts")["queues"]
    counts = {queue["name"]: (queue["waiting"], queue["all"]) for queue in queues}
    assert counts.keys() == QUEUES.keys()
    about = counts.__getitem__

    mistakes = rows.of.values()
    rationales = [[x for x in own if x.kind == "rationale"] for own in mistakes]
    assert about("everything")[1] == len(rows.mistakes)
    assert about("accepted-wrong")[1] == sum(
        any(x.committee == "accepted" and x.matches == "fails" for x in own) for own in rationales
    )
    assert about("rejected-right")[1] == sum(
        any(x.committee == "rejected" and x.matches == "holds" for x in own) for own in rationales
    )
    assert about("person-accepted-wrong")[1] == sum(
        any(x.word.decision == "accept" and not x.word.settled and x.matches == "fails" for x in own)
        for own in rationales
    )
    assert about("unjudged")[1] == sum(not any(x.word.by for x in own) for own in mistakes)
    assert about("uncovered")[1] == len(rows.mistakes) - rows.covered
    skipped = {
        j["explanation_id"] for j in rows.standing if (j["decision"], j["person"]) == ("skip", ME) and not j["reason"]
    }
    wanted = rows.exam["judgements_wanted"]

    def waits(own: list[Any], without: set[int]) -> bool:
        open_ = [x for x in own if not x.word.settled and len(x.word.by) < wanted and ME not in x.word.by]
        return bool([x for x in open_ if x.id not in without])

    waiting = sum(waits(own, skipped) or not own for own in rationales)  # what nobody has explained yet waits, too
    passed_by = sum(waits(own, set()) and not waits(own, skipped) for own in rationales)
    assert about("everything")[0] == waiting
    everything = next(queue for queue in queues if queue["name"] == "everything")
    assert (everything["decided"], everything["skipped"]) == (len(rows.mistakes) - waiting - passed_by, passed_by)
