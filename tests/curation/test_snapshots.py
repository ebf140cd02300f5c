"""Freezing: the same input, the same name; nothing in it changes; nothing is left out silently."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session, select

from mapd.curation import live_set, snapshots
from mapd.curation.selection import narrow
from mapd.domain import Act, ExamInfo, Verdict
from mapd.errors import BadInput
from mapd.people import owner
from mapd.policies import PAPER
from mapd.review import repairs
from mapd.review.judging import Target, judge, undo
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import snapshots as stored
from mapd.store import tables as t
from tests import looped


def test_the_same_input_has_the_same_name(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    first = snapshots.freeze(session, curated, by=owner("ann"))
    assert snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("bob")).id == first.id
    assert snapshots.freeze(session, curated, by=owner("ann"), seed=1).sha256 != first.sha256
    assert snapshots.freeze(session, curated, by=owner("ann"), everything=True).sha256 != first.sha256
    row = judge(session, Target("feedback", curated.mistakes[0].feedback[0].text.id), Act.REJECT, by=owner("ann"))
    judged = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    assert judged.sha256 != first.sha256
    undo(session, queries.identity(row), by=owner("ann"))
    assert snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann")).sha256 == first.sha256


def test_one_pair_for_each_covered_mistake(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    frozen = snapshots.freeze(session, curated, by=owner("ann"))
    lines = [json.loads(line) for line in frozen.lines.splitlines()]
    covered = {m.attempt.uid: m for m in curated.mistakes if m.covered}
    assert [line["mistake"] for line in lines] == list(covered)
    for line in lines:
        mistake = covered[line["mistake"]]
        accepted = {x.text.uid: x.text.text for x in mistake.rationales if x.verdict is Verdict.ACCEPTED}
        assert accepted[line["rationale"]["uid"]] == line["rationale"]["text"]
        assert line["feedback"]["uid"] in {x.text.uid for x in mistake.feedback}
        assert line["question"]["gold"] == mistake.gold
    assert frozen.manifest["counts"]["pairs"] == len(lines) == frozen.pairs
    assert frozen.manifest["draw"]["seed"] == 0


def test_a_line_holds_what_decided_its_texts_and_the_rejected_rationales(session: Session, exam: ExamInfo) -> None:
    before = live_set.load_curated(session, exam.id)
    mistake = next(m for m in before.mistakes if any(x.verdict is Verdict.REJECTED for x in m.rationales))
    overridden = next(x for x in mistake.rationales if x.verdict is Verdict.REJECTED).text
    judge(session, Target("rationale", overridden.id), Act.ACCEPT, by=owner("ann"), note="right after all")
    curated = live_set.load_curated(session, exam.id)
    frozen = snapshots.freeze(session, curated, by=owner("ann"), everything=True)
    of_texts = {x.text.uid: x for x in curated.texts}
    pairs = [json.loads(line) for line in frozen.lines.splitlines()]
    for text in (text for pair in pairs for text in (pair["rationale"], pair["feedback"], *pair["rejected"])):
        x = of_texts[text["uid"]]
        assert (text["verdict"], text["committee"]["why"]) == (x.verdict.value, x.committee.why)
        assert text["committee"]["mean"] == (None if x.committee.mean is None else float(x.committee.mean))
        votes = sorted((vote.reviewer, vote.score) for vote in x.text.votes)
        assert [(vote["reviewer"], vote["score"]) for vote in text["committee"]["votes"]] == votes
    for pair in pairs:
        rationales = next(m for m in curated.mistakes if m.attempt.uid == pair["mistake"]).rationales
        rejected = {x.text.uid for x in rationales if x.verdict is Verdict.REJECTED}
        assert {text["uid"] for text in pair["rejected"]} == rejected
    (accepted,) = [pair["rationale"] for pair in pairs if pair["rationale"]["uid"] == overridden.uid]
    assert (accepted["verdict"], accepted["committee"]["verdict"]) == ("accepted", "rejected")
    assert accepted["people"] == {"by": ["ann"], "decision": "accept", "reason": None, "adjudicated": False}
    assert frozen.manifest["counts"]["preferences"] == sum(len(pair["rejected"]) for pair in pairs)


def test_the_manifest_says_which_models_wrote_and_reviewed(session: Session, exam: ExamInfo) -> None:
    row = session.exec(select(t.Teacher).where(t.Teacher.name == "gemini")).one()
    row.model, row.sampling = "/home/ann/models/mine", {"temperature": 0.7}
    session.add(row)
    session.flush()
    curated = narrow(live_set.load_curated(session, exam.id), ("gpt",))
    teachers = snapshots.freeze(session, curated, by=owner("ann")).manifest["teachers"]
    assert teachers.keys() == {"gpt", "gemini", "mistral"}, "who only reviewed is among them"
    assert teachers["gemini"] == {
        "kind": "imported",
        "simulated": False,
        "model": "mine",
        "sampling": {"temperature": 0.7},
    }


def as_format_1(row: t.Snapshot) -> None:
    """Make the snapshot what it was before its lines held votes."""
    old_fields = {"uid", "teacher", "by_person", "repairs", "simulated", "text"}
    pairs = [json.loads(line) for line in row.lines.splitlines()]
    for pair in pairs:
        del pair["rejected"]
        for kind in ("rationale", "feedback"):
            pair[kind] = {name: value for name, value in pair[kind].items() if name in old_fields}
    row.lines = "".join(json.dumps(pair, ensure_ascii=False, sort_keys=True) + "\n" for pair in pairs)
    row.manifest = row.manifest | {"format": 1, "lines_sha256": stored.sha256(row.lines)}
    row.sha256 = stored.sha256(stored.manifest_text(row.manifest))


def test_a_snapshot_of_before_is_read_as_ever(session: Session, exam: ExamInfo) -> None:
    frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    contents = snapshots.count_contents(frozen.lines, frozen.manifest)
    as_format_1(frozen)
    session.add(frozen)
    session.flush()
    old = queries.snapshot(session, frozen.sha256)
    assert snapshots.count_contents(old.lines, old.manifest) == contents
    old.manifest = old.manifest | {"format": 3}
    old.sha256 = stored.sha256(stored.manifest_text(old.manifest))
    with pytest.raises(BadInput, match="it is of format 3, this mapd reads 1 and 2"):
        stored.check(old)


def test_a_set_narrowed_to_some_teachers_is_a_snapshot_of_its_own(session: Session, exam: ExamInfo) -> None:
    whole = live_set.load_curated(session, exam.id)
    shas = {snapshots.freeze(session, whole, by=owner("ann")).sha256}
    for names in (("gpt",), ("gpt", "gemini"), ("gemini", "gpt"), whole.teachers):
        curated = narrow(whole, names)
        assert {x.text.teacher for x in curated.texts} == set(names)
        assert {v.reviewer for x in curated.texts for v in x.text.votes} - set(names) or len(names) == 3, "all review"
        frozen = snapshots.freeze(session, curated, by=owner("ann"), everything=True)
        lines = [json.loads(line) for line in frozen.lines.splitlines()]
        assert {line[kind]["teacher"] for line in lines for kind in ("rationale", "feedback")} == set(names)
        assert frozen.manifest["narrowed_to"] == sorted(names)
        assert stored.fault(frozen) is None
        shas.add(frozen.sha256)
    assert len(shas) == 4, "the order of the names is no difference; all of them, said aloud, are a choice"
    assert narrow(whole, ()) is whole
    with pytest.raises(BadInput, match=r"nobody wrote and reviewed nothing .*; gpt, gemini, mistral did"):
        narrow(whole, ("nobody",))


def test_a_repair_goes_with_the_teacher_whose_text_it_is_of(session: Session, exam: ExamInfo) -> None:
    broken = next(iter(live_set.load_curated(session, exam.id).rationales)).text
    for mine, theirs in ((broken.teacher, True), ("mistral" if broken.teacher != "mistral" else "gpt", False)):
        target = Target("rationale", broken.id)
        made = repairs.repair(session, target, f"{broken.text} Again {mine}.", by=owner("ann"), token=t.new_uid())
        curated = narrow(live_set.load_curated(session, exam.id), (mine,))
        assert (made.uid in {x.text.uid for x in curated.texts}) is theirs
        uids = {x.text.uid for m in curated.mistakes for x in m.texts}
        assert all(row.target_uid in uids for row in curated.judgements if row.target == "rationale")


def test_every_accepted_rationale_by_option(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    frozen = snapshots.freeze(session, curated, by=owner("ann"), everything=True)
    used = [json.loads(line)["rationale"]["uid"] for line in frozen.lines.splitlines()]
    assert sorted(used) == sorted(x.text.uid for x in curated.rationales if x.verdict is Verdict.ACCEPTED)


def test_so_many_pairs_by_option_and_no_more_than_there_are(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    every = snapshots.freeze(session, curated, by=owner("ann"))
    few = snapshots.freeze(session, curated, by=owner("ann"), limit=5)
    assert (few.pairs, few.manifest["draw"]["limit"]) == (5, 5)
    assert set(few.lines.splitlines()) < set(every.lines.splitlines())
    for limit in (0, every.pairs + 1):
        with pytest.raises(BadInput, match=f"{limit} pairs can't be drawn"):
            snapshots.freeze(session, curated, by=owner("ann"), limit=limit)


def test_a_mistake_without_standing_feedback_is_left_out_and_counted(session: Session, exam: ExamInfo) -> None:
    before = live_set.load_curated(session, exam.id)
    mistake = next(m for m in before.mistakes if m.covered)
    for x in mistake.feedback:
        judge(session, Target("feedback", x.text.id), Act.REJECT, by=owner("ann"), reason="other")
    frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    assert mistake.attempt.uid not in frozen.lines
    assert frozen.manifest["counts"]["covered_but_no_feedback_stands"] == 1
    assert len(frozen.manifest["judgements"]) == 3


def test_one_more_judgement_moves_no_other_mistakes_draw(session: Session, exam: ExamInfo) -> None:
    before = live_set.load_curated(session, exam.id)
    first = snapshots.freeze(session, before, by=owner("ann")).lines.splitlines()
    text = next(x for x in before.mistakes[0].rationales if x.verdict is Verdict.ACCEPTED).text
    judge(session, Target("rationale", text.id), Act.REJECT, by=owner("ann"))
    second = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann")).lines.splitlines()
    assert set(first) - set(second) <= {line for line in first if before.mistakes[0].attempt.uid in line}


def test_the_same_run_in_another_project_draws_the_same_pairs(tmp_path: Path) -> None:
    drawn = []
    for name in ("here", "there"):
        engine = db.open_store(Settings(home=tmp_path / name))
        looped.go_round(engine)
        with db.reading(engine) as session:
            drawn.append([json.loads(line) for line in queries.snapshots(session)[0].lines.splitlines()])
        engine.dispose()
    here, there = ([[x["rationale"]["text"], x["feedback"]["text"]] for x in lines] for lines in drawn)
    assert here == there
    assert drawn[0] != drawn[1], "their uids are random"


def test_an_empty_one_is_refused(session: Session, exam: ExamInfo) -> None:
    with pytest.raises(BadInput, match="an empty snapshot is refused"):
        snapshots.freeze(session, live_set.load_curated(session, exam.id, PAPER.at(5)), by=owner("ann"))
    assert session.exec(select(t.Snapshot)).all() == []


def test_the_files_carry_their_names(session: Session, exam: ExamInfo, tmp_path: Path) -> None:
    frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    folder = snapshots.write(frozen, tmp_path)
    manifest = (folder / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == frozen.sha256 == folder.name
    lines = (folder / "pairs.jsonl").read_bytes()
    assert hashlib.sha256(lines).hexdigest() == json.loads(manifest)["lines_sha256"]
    assert snapshots.write(frozen, tmp_path) == folder
    (folder / "pairs.jsonl").write_text("changed")
    with pytest.raises(BadInput, match="changed by hand"):
        snapshots.write(frozen, tmp_path)


def test_a_snapshot_read_back_from_the_database_is_the_same(session: Session, exam: ExamInfo) -> None:
    sha256 = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann")).sha256
    session.expire_all()
    read = queries.snapshot(session, sha256[:12])
    assert hashlib.sha256(stored.manifest_text(read.manifest).encode()).hexdigest() == sha256


@pytest.mark.parametrize("column", ["lines", "manifest", "pairs", "sha256"])
def test_nothing_is_read_of_a_snapshot_that_is_not_what_its_name_says(
    session: Session, exam: ExamInfo, tmp_path: Path, column: str
) -> None:
    frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    content = {"lines": frozen.lines, "manifest": frozen.manifest, "pairs": frozen.pairs, "sha256": frozen.sha256}
    changed = {
        "lines": frozen.lines.replace("pens", "guns", 1),
        "manifest": frozen.manifest | {"judgements": []} | {"note": "x"},
        "pairs": 3,
        "sha256": "f" * 64,
    }
    setattr(frozen, column, changed[column])
    session.add(frozen)
    session.flush()
    reads: tuple[Callable[[], object], ...] = (
        lambda: queries.snapshot(session, frozen.sha256),
        lambda: snapshots.write(frozen, tmp_path),
    )
    for reader in reads:
        with pytest.raises(BadInput, match="can't be read: ") as refused:
            reader()
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "snapshots").exists()
    again = snapshots.freeze(
        session, live_set.load_curated(session, exam.id), by=owner("ann")
    )  # the cure that is named
    assert again.id == frozen.id
    assert {"lines": again.lines, "manifest": again.manifest, "pairs": again.pairs, "sha256": again.sha256} == content
    assert snapshots.write(again, tmp_path).is_dir()


def test_the_lines_are_read_in_one_place() -> None:
    """Whoever reads a snapshot's lines has it from queries.snapshot, which checks them."""
    root = Path(__file__).parents[2]
    readers = {
        path.relative_to(root).as_posix()
        for folder in ("mapd", "pages")
        for path in (root / folder).rglob("*.py")
        if "select(t.Snapshot)" in path.read_text() and "migrations" not in path.parts
    }
    assert readers == {
        "mapd/store/queries.py",
        "mapd/curation/snapshots.py",  # the one that is there already is checked, and mended
        "mapd/exchange/archive/staging.py",  # an archive's are checked before they come in
        "mapd/exchange/archive/outgoing.py",  # and before they go out
    }


def test_nothing_of_this_machine_is_in_it(session: Session, exam: ExamInfo) -> None:
    frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    manifest = stored.manifest_text(frozen.manifest)
    assert "/" not in manifest.replace("·", "")
    assert "created" not in manifest
    assert "### " not in frozen.lines  # structured fields, never a rendered prompt


def test_a_line_is_a_pair_whatever_its_texts_hold():
    lines = "".join(json.dumps({"text": f"{c} x"}, ensure_ascii=False) + "\n" for c in ("\u2028", "\x85", "plain"))
    assert [stored.read_line(line)["text"][0] for line in stored.lines_of(lines)] == ["\u2028", "\x85", "p"]
