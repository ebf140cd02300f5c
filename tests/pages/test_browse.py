"""The browse page as streamlit runs it."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.curation import live_set
from mapd.domain import Act, TextReason
from mapd.people import owner
from mapd.review import assignment, judging, repairs, saved_views
from mapd.review.judging import Target
from mapd.settings import Settings
from mapd.store import db, exam_material
from mapd.store import tables as t
from mapd.ui.browse import page as browsing
from tests.conftest import writing
from tests.pages.running import errors, open_page, shown, triage


def browse(**params: str) -> AppTest:
    return open_page("pages/review/browse.py", **params)


def rows(app: AppTest) -> int:
    return shown(app).count('<details class="mapd-row">')


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = browse()
    assert "No exam yet" in " ".join(m.value for m in app.markdown)
    assert rows(app) == 0


def test_a_page_holds_25_of_36_rationales(full_home: Path) -> None:
    app = browse()
    assert "<b>36</b> of 36 rationales" in shown(app)
    assert rows(app) == 25
    assert "1–25 of 36" in shown(app)


def test_the_address_filters(full_home: Path) -> None:
    wrong = browse(verdict="accepted", gold="fails")
    assert "<b>4</b> of 36 rationales" in shown(wrong)
    assert rows(browse(verdict="accepted", gold="fails", teacher="mistral")) == 4
    assert rows(browse(verdict="accepted", gold="fails", teacher="gpt")) == 0
    assert "<b>12</b> of 12 mistakes" in shown(browse(show="mistakes"))
    assert "of 36 feedback" in shown(browse(show="feedback"))


def test_where_two_judge_each_text_nobody_is_told_of_the_other_first(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        judging.judge(session, Target("rationale", 1), Act.REJECT, by=owner("bob"), reason=TextReason.NO_WORK)
    assert "rejected by bob: no work" in shown(browse())
    with writing(engine) as session:
        assignment.set_judging(session, 1, by=owner("ann"), judgements_wanted=2)
    assert "bob: no work" not in shown(browse())
    for asked in ({"people": "judged"}, {"by": "bob"}, {"reason": "no work shown"}):
        app = browse(**asked)
        assert rows(app) == 0, "what is found would tell"
        assert "texts that you have judged yourself" in " ".join(c.value for c in app.caption)
    app = browse(people="judged")
    app.text_input(key="person_name").set_value("bob")
    assert rows(app.run()) == 1, "whoever judged it knows"


def test_counts_that_hide_others_judgements_say_so_and_who_asks_for_all_sees_all(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with writing(engine) as session:
        judging.judge(session, Target("rationale", 1), Act.REJECT, by=owner("bob"), reason=TextReason.NO_WORK)
        assignment.set_judging(session, 1, by=owner("ann"), judgements_wanted=2)
    app = browse(verdict="accepted")
    assert "<b>24</b> of 36" in shown(app)
    (said,) = [c.value for c in app.caption if "These counts leave out others’ judgements" in c.value]
    assert "that you haven’t judged yet" in said
    app.toggle(key="others").set_value(True).run()
    assert "<b>23</b> of 36" in shown(app), "as the lab counts them"
    assert not [c for c in app.caption if "These counts leave out others’ judgements" in c.value]
    with db.reading(engine) as session:
        noted = session.exec(select(t.Exposure.explanation_id)).all()
    assert len(noted) == 23, "what they say of these later wasn't judged first"
    assert rows(browse(others="true", people="judged")) == 1
    assert "others maybe, which can" in errors(browse(others="maybe"))[0]
    with writing(engine) as session:
        assignment.set_judging(session, 1, by=owner("ann"), judgements_wanted=1)
    assert "others" not in {t.key for t in browse().toggle}


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"equations": "fails"}, 4),
        ({"work": "holds"}, 30),
        ({"gold": "nothing to check"}, 0),
        ({"people": "judged"}, 2),
        ({"people": "overridden"}, 2),
        ({"by": "ann"}, 2),
        ({"reason": "unclear"}, 1),
        ({"task": "numeric"}, 36),
        ({"task": "choice"}, 0),
        ({"part": "1/1"}, 36),
        ({"show": "questions", "part": "2/2"}, 6),
        ({"low": "4", "high": "5"}, 12),
        ({"apart": "4"}, 12),
        ({"teacher": "gpt", "order": "lowest mean"}, 12),
        ({"show": "feedback", "teacher": "gpt"}, 12),
        ({"show": "mistakes", "verdict": "rejected", "order": "most doubtful"}, 11),
        ({"show": "questions"}, 12),
        ({"show": "questions", "student": "right"}, 0),
        ({"show": "questions", "question_order": "wrong first", "task": "numeric"}, 12),
        ({"show": "questions", "people": "judged", "q": "pens"}, 1),
    ],
    ids=str,
)
def test_each_filter_narrows(full_home: Path, asked: dict[str, str], number: int) -> None:
    with db.writing(db.open_store(Settings())) as session:
        exam = session.exec(select(t.Exam.id)).one()
        mistakes = live_set.load_curated(session, exam).mistakes
        first, last = mistakes[0].rationales[0], mistakes[-1]
        judging.judge(
            session, Target("rationale", first.text.id), Act.REJECT, by=owner("ann"), reason=TextReason.UNCLEAR
        )
        judging.judge(session, Target("rationale", last.rationales[2].text.id), Act.ACCEPT, by=owner("ann"))
        judging.judge(session, Target("question", last.question.id), Act.ACCEPT, by=owner("ann"))
    app = browse(**asked)
    assert f"<b>{number}</b> of " in shown(app)
    assert rows(app) == min(number, 25)
    assert not errors(app)


def turns(app: AppTest) -> dict[str, dict[str, str]]:
    """By their words, where the links to other pages of rows lead."""
    links = [link.proto for link in app.get("page_link") if link.proto.label in ("Previous", "Next", "To the first")]
    return {link.label: dict(parse_qsl(link.query_string)) for link in links}


def test_the_address_turns_the_pages(full_home: Path) -> None:
    first = browse(order="lowest mean", people="not judged")
    second = browse(**turns(first)["Next"])
    assert "26–36 of 36" in shown(second)
    assert rows(second) == 11
    assert turns(second).keys() == {"Previous"}
    back = browse(**turns(second)["Previous"])
    assert "1–25 of 36" in shown(back)
    assert turns(back) == turns(first)
    gone = browse(after="99,9,9", people="not judged")
    assert "These rows are no longer there" in " ".join(i.value for i in gone.info)
    assert turns(gone)["To the first"]["people"] == "not judged"
    assert "which is no row of this order" in errors(browse(after="x"))[0]


@pytest.fixture
def other_exam(full_home: Path) -> str:
    """The uid of an exam of thirty mistakes that nobody has explained."""
    with writing(db.open_store(Settings())) as session:
        first = session.exec(select(t.Exam)).one()
        session.add(made := t.QuestionSet(name="other", source="made", sha256="0"))
        session.flush()
        told = {"set_id": made.id, "split": "train"}
        session.add(exam := t.Exam(name="other", student_id=first.student_id, graded_by="ours", **told))
        session.flush()
        for n in range(30):
            session.add(q := t.Question(source_id=str(n), position=n, task="numeric", text="?", gold="7", **told))
            session.flush()
            read = {"text": "9", "answer": "9", "outcome": "incorrect", "our_answer": "9", "our_outcome": "incorrect"}
            session.add(t.Attempt(exam_id=exam.id, question_id=q.id, **read))
        return exam.uid


def test_in_another_exam_what_is_not_there_is_refused(full_home: Path, other_exam: str) -> None:
    app = browse(exam=uid_of_the_first(), teacher="gpt", by=owner("ann"))
    app.selectbox(key="exam_pick").set_value(other_exam).run()
    assert not app.exception
    assert "teacher gpt, which can&#x27;t be: there is none yet" in errors(app)[0]
    assert "teacher" not in app.query_params
    assert "This exam has no rationales" in " ".join(i.value for i in app.info)


@pytest.mark.parametrize("value", [5, True, ["x"], 1e300, "\u202e", ""])
def test_a_view_of_an_archive_may_hold_anything(full_home: Path, value: object) -> None:
    every = dict.fromkeys(browsing.DEFAULTS, value)
    with db.writing(db.open_store(Settings())) as session:
        saved_views.save(session, "odd", every, by=owner("mallory"))
    app = browse()
    next(b for b in app.button if b.key and b.key.endswith("_open")).click().run()
    assert not app.exception


def test_another_exam_begins_at_its_first_row(full_home: Path, other_exam: str) -> None:
    first = browse(exam=other_exam, show="questions")
    second = browse(**turns(first)["Next"])
    assert "26–30 of 30" in shown(second)
    second.selectbox(key="exam_pick").set_value(uid_of_the_first()).run()
    assert "1–12 of 12" in shown(second)
    assert "after" not in second.query_params


def uid_of_the_first() -> str:
    with db.reading(db.open_store(Settings())) as session:
        return session.exec(select(t.Exam.uid).order_by(t.Exam.id)).first()


def test_columns_are_chosen(full_home: Path) -> None:
    assert 'class="c-spread"' not in shown(browse())
    app = browse(columns="spread")
    assert 'class="c-spread"' in shown(app)
    assert 'class="c-verdict"' not in shown(app)


def numbers(app: AppTest) -> list[str]:
    """Which questions the rows are of, by their own numbers, from top to bottom."""
    return re.findall(r'<summary.*?class="c-no"[^>]*><span class="mapd-id">(.*?)</span>', shown(app), re.DOTALL)


def test_questions_have_columns_and_an_order_of_their_own(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        mistakes = live_set.load_curated(session, session.exec(select(t.Exam.id)).one()).mistakes
        judging.judge(session, Target("attempt", mistakes[4].attempt.id), Act.REJECT, by=owner("ann"))
        judging.judge(session, Target("question", mistakes[7].question.id), Act.CORRECT, value="77", by=owner("ann"))
    places = [m.question.source_id for m in mistakes]
    usual = browse(show="questions")
    assert numbers(usual) == places
    assert 'class="c-gold"' in shown(usual)
    assert 'class="c-people"' not in shown(usual)
    app = browse(show="questions", question_order="right first", question_columns="people")
    assert numbers(app) == [places[4], *places[:4], *places[5:]]
    assert numbers(browse(show="questions", question_order="wrong first"))[-1] == places[4]
    assert 'class="c-gold"' not in shown(app)
    assert "attempt: not a mistake by ann" in shown(app)
    assert "question: gold corrected to 77 by ann" in shown(app)
    assert shown(app).count('title="right"') == 1, "in its fold; that column is not shown"
    assert shown(browse(show="questions", question_columns="answer")).count('title="right"') == 2


def test_of_long_numbers_the_end_is_shown_which_tells_them_apart(looped_home: Path) -> None:
    app = open_page("pages/review/browse.py", show="questions")
    assert 'class="mapd-id">…ting-' in shown(app)
    assert 'title="question leg_counting-' in shown(app)


def test_a_row_has_its_questions_own_number_which_can_be_searched(full_home: Path) -> None:
    everything = [str(2 * n) for n in range(12)]  # as the file has them
    for show, each in (("rationales", 3), ("feedback", 3), ("mistakes", 1), ("questions", 1)):
        assert numbers(browse(show=show)) == [number for number in everything for _ in range(each)][:25]
        app = browse(show=show, no="8")
        assert numbers(app) == ["8"] * each
        assert f"<b>{each}</b> of {12 * each} {show}" in shown(app)
        assert 'title="question 8, at place 5 of its set"' in shown(app)
    assert triage().window(mistake=mistake_of("8"))["cards"][0]["question"]["number"] == "8"
    app = browse(no="7")
    assert any("Nothing fits" in i.value for i in app.info)
    app.text_input(key="no").set_value(" 22 ").run()
    assert numbers(app) == ["22"] * 3


def mistake_of(number: str) -> str:
    with db.reading(db.open_store(Settings())) as session:
        about = select(t.Attempt.uid).join(t.Question).where(t.Question.source_id == number)
        return session.exec(about).one()


def test_a_question_that_is_bad_is_out_and_not_right_or_wrong(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        question = live_set.load_curated(session, session.exec(select(t.Exam.id)).one()).mistakes[4].question
        judging.judge(session, Target("question", question.id), Act.REJECT, by=owner("ann"), reason="gold_wrong")
    app = browse(show="questions", question_columns="answer", people="overridden")
    assert numbers(app) == [question.source_id]
    assert "taken out" in shown(app)
    assert "question: bad by ann: the gold answer is wrong" in shown(app)
    assert question.source_id not in numbers(browse(show="questions", student="wrong"))
    assert numbers(browse(show="questions", question_order="wrong first"))[-1] == question.source_id


def test_the_first_repair_by_a_person_gives_no_teacher_another_colour(full_home: Path) -> None:
    def colours(page: str, **params: str) -> dict[str, str]:
        body = shown(open_page(f"pages/{page}.py", **params))
        rows_ = re.findall(r'--c:(#\w+)"></i><span class="mapd-name" title="[^"]*">(\w+)<', body)
        chips = re.findall(
            r'--c:(#\w+)" title="[^"]*"><span class="mapd-swatch"></span><span class="mapd-name">(\w+)<', body
        )
        swatches = re.findall(r'--c:(#\w+)"></i> (\w+)</span>', body)
        return {name: colour for colour, name in rows_ + chips + swatches}

    pages = {
        "review/browse": {"show": "rationales"},
        "loop/overview": {},
        "curate/agreement": {},
        "curate/threshold": {},
    }
    before = {page: colours(page, **params) for page, params in pages.items()}
    assert all(told.keys() >= {"gpt", "gemini", "mistral"} for told in before.values())
    assert len({tuple(sorted(told.items())) for told in before.values()}) == 1, "the same on each"
    with db.writing(db.open_store(Settings())) as session:
        text = exam_material.material(session, 1).texts[0]
        kept = repairs.repair(session, Target(text.kind, text.id), "1 + 1 = 2. So 2.", by=owner("ann"), token="x")
        assert session.get_one(t.Teacher, kept.author_id).name < "gemini"
    for page, params in pages.items():
        told = colours(page, **params)
        assert before[page].items() <= told.items(), page
        assert told.get("ann") not in before[page].values()


def test_a_row_of_mistakes_names_teachers_and_its_texts_by_kind(full_home: Path) -> None:
    body = shown(browse(show="mistakes"))
    brief = body[body.index('class="mapd-brief"') :]
    assert ">gpt</span>" in brief[: brief.index("</span></span>")], "colour is not the only sign"
    assert body.count('<div class="mapd-section">rationales</div>') == 12
    assert body.count('<div class="mapd-section">feedback</div>') == 12


def test_each_wrong_answer_of_the_questions_has_its_link(full_home: Path) -> None:
    app = browse(show="questions")
    links = [link.proto for link in app.get("page_link") if link.proto.label == "Judge"]
    assert len(links) == 12
    assert all("mistake=" in link.query_string for link in links)


def test_no_columns_are_columns_too(full_home: Path) -> None:
    app = browse(columns="")
    assert errors(app) == []
    assert 'class="c-text"' in shown(app)
    assert 'class="c-mean"' not in shown(app)


def test_what_nothing_can_be_is_said_in_words(full_home: Path) -> None:
    assert "by nobody, which can&#x27;t be: there is none yet" in errors(browse(by="nobody"))[0]
    assert "apart 2.9, which can&#x27;t be: a whole number from 1 to 4" in errors(browse(apart="2.9"))[0]
    assert "no mean is from 5 up to 2" in errors(browse(low="5", high="2"))[0]
    app = browse(show="questions", question_order="lowest mean")
    assert "question_order lowest mean, which can&#x27;t be: one of question order, wrong first" in errors(app)[0]
    assert "question_order" not in app.query_params


def test_an_import_says_that_it_has_scores_alone(full_home: Path) -> None:
    assert "only scores, no critique stored" in shown(browse())


def test_words_are_found_in_question_and_text_and_marked(full_home: Path) -> None:
    app = browse(q='"ann HAS 15 pens"')
    assert "<b>3</b> of 36" in shown(app)
    assert '<mark class="mapd-hit" title="found">Ann has 15 pens</mark>' in shown(app)
    app = browse(q="$15 ann more pe")
    assert "<b>3</b> of 36" in shown(app), "in any order"
    assert all(f'title="found">{word}</mark>' in shown(app) for word in ("Ann", "15", "pens", "more"))
    assert "in any order" in app.text_input(key="q").help
    assert any("Nothing fits" in i.value for i in browse(q="no such words").info)
    assert "there is none in: =" in errors(browse(q="="))[0]


def test_what_the_address_asks_in_vain_is_one_line_and_no_filter(full_home: Path) -> None:
    app = browse(verdict="splendid", teacher="nobody")
    lines = [e.proto.body for e in app.get("html") if 'class="mapd-error"' in e.proto.body]
    assert len(lines) == 2
    assert "splendid" in " ".join(lines)
    assert "nobody" in " ".join(lines)
    assert "<b>36</b> of 36" in shown(app)


def test_clear_takes_every_filter_back(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails", q="pens")
    next(b for b in app.button if b.label == "Clear").click().run()
    assert "<b>36</b> of 36 rationales" in shown(app)
    assert "verdict" not in app.query_params


def test_all_that_fit_are_judged_and_taken_back_in_one(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails")
    assert "Judge all" in {p.proto.popover.label for p in app.get("popover")}
    assert not [b for b in app.button if b.key == "bulk_save"], "nothing is read before it is opened"
    app.session_state["bulk"] = True
    app.run()
    assert "**4 rationales** fit these filters; people have decided on 0 of them." in [m.value for m in app.markdown]
    assert app.button(key="bulk_save").disabled
    app.segmented_control(key="bulk_act").set_value(Act.REJECT).run()
    assert app.button(key="bulk_save").label == "Reject all 4"
    app.selectbox(key="bulk_reason").set_value(TextReason.FALSE_STEP).run()
    app.button(key="bulk_save").click().run()
    assert not [b for b in app.button if b.key == "bulk_save"], "a second press would be for what is found now"
    assert any("Nothing fits" in i.value for i in app.info), "none is accepted any more"
    with db.reading(db.open_store(Settings())) as session:
        rows = session.exec(select(t.Judgement)).all()
    assert [(j.decision, j.reason, j.queue) for j in rows] == [("reject", "false_step", "bulk")] * 4
    undo = next(b for b in app.button if b.label == "Undo all 4")
    undo.click().run()
    assert "<b>4</b> of 36 rationales" in shown(app)
    assert next(b for b in app.button if b.label == "Redo all 4")


def test_a_bulk_act_takes_what_its_fields_say_at_the_click(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails")
    app.session_state["bulk"] = True
    app.run()
    app.segmented_control(key="bulk_act").set_value(Act.REJECT).run()
    app.selectbox(key="bulk_reason").set_value(TextReason.FALSE_STEP)
    app.text_input(key="bulk_note").set_value("see step 2")  # no run between: typed, and clicked at once
    app.button(key="bulk_save").click().run()
    with db.reading(db.open_store(Settings())) as session:
        rows = session.exec(select(t.Judgement)).all()
    assert {(j.decision, j.reason, j.note) for j in rows} == {("reject", "false_step", "see step 2")}


def test_a_decision_that_was_changed_at_the_click_is_not_the_buttons(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails")
    app.session_state["bulk"] = True
    app.run()
    app.segmented_control(key="bulk_act").set_value(Act.REJECT).run()
    app.segmented_control(key="bulk_act").set_value(Act.ACCEPT)
    app.button(key="bulk_save").click().run()
    assert "the decision was changed while the button still said reject; nothing was saved" in errors(app)[0]
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.Judgement)).all() == []


def test_a_view_is_saved_by_one_click_and_replaced_by_a_second(full_home: Path) -> None:
    app = browse(verdict="accepted")
    app.text_input(key="view_name").set_value("mine")
    app.button(key="view_save").click().run()
    assert "Views · 1" in {p.proto.popover.label for p in app.get("popover")}
    assert app.text_input(key="view_name").value == ""
    app = browse(verdict="rejected")
    app.text_input(key="view_name").set_value("mine")
    app.button(key="view_save").click().run()
    assert "a view is named" in errors(app)[0]
    with db.reading(db.open_store(Settings())) as session:
        assert [view.address for view in saved_views.saved_views(session)] == [{"verdict": "accepted"}]
    app.button(key="view_replace").click().run()
    with db.reading(db.open_store(Settings())) as session:
        assert [view.address for view in saved_views.saved_views(session)] == [{"verdict": "rejected"}]
    assert errors(app) == []


def test_a_view_that_was_renamed_at_the_click_is_the_one_that_is_deleted(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        saved_views.save(session, "old", {"verdict": "accepted"}, by=owner("ann"))
    app = browse()
    app.text_input(key="view_0_old").set_value("new")
    app.button(key="view_0_old_delete").click().run()
    assert "deleted new" in shown(app)
    assert errors(app) == []


def test_a_view_is_saved_opened_renamed_and_deleted(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails", columns="mean")
    app.text_input(key="view_name").set_value("wrong").run()
    app.button(key="view_save").click().run()
    assert app.button(key="view_0_wrong_open").disabled, "it is what is shown"
    app = browse()
    assert "Views · 1" in {p.proto.popover.label for p in app.get("popover")}
    app.button(key="view_0_wrong_open").click().run()
    assert "<b>4</b> of 36 rationales" in shown(app)
    assert 'class="c-mean"' in shown(app)
    assert 'class="c-votes"' not in shown(app)
    app.text_input(key="view_0_wrong").set_value("wrong but accepted").run()
    app.button(key="view_0_wrong but accepted_delete").click().run()
    assert "deleted wrong but accepted" in shown(app)
    app.button(key="view_undo").click().run()
    assert app.button(key="view_0_wrong but accepted_open")


def test_a_name_that_cannot_be_is_refused_in_the_popover_and_the_old_one_put_back(full_home: Path) -> None:
    app = browse(verdict="accepted")
    for name in ("one", "two"):
        app.text_input(key="view_name").set_value(name).run()
        app.button(key="view_save").click().run()
    for wrong in ("one", " "):
        app.text_input(key="view_1_two").set_value(wrong).run()
        assert app.text_input(key="view_1_two").value == "two"
        (popover,) = [p for p in app.get("popover") if p.proto.popover.label == "Views · 2"]
        assert [e for e in popover.get("html") if 'class="mapd-error"' in e.proto.body], wrong
    assert app.run().text_input(key="view_0_one").value == "one"
    assert errors(app) == []
