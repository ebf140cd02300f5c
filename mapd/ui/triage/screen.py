"""The screen of triage as DESIGN.md draws it: a bar, the mistake at the left, the text in focus, the actions below.

Every button carries the version of what is shown in its key (hotkeys.name), so a press on what is gone does nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import streamlit as st

from mapd.curation import first, repairing
from mapd.curation.bulk import redoable, undoable
from mapd.curation.curated import Explained, Mistake
from mapd.curation.judging import QuestionReason, Target
from mapd.curation.lines import Line
from mapd.curation.queues import QUEUES
from mapd.store import db, queries
from mapd.store.queries import JudgementRow
from mapd.ui import acting, current, figures, guidelines, hotkeys, rendered, unsaved
from mapd.ui.triage import acts, cards, drafts, place, whole
from mapd.ui.triage.place import JUDGE, Place, Stop, go
from mapd.ui.triage.scene import Item, Scene, home_of, nowhere
from mapd.verdicts import ADJUDICATOR, Act, Reason

STYLE = Path(__file__).parent / "triage.css"
KEYS = (
    ("1-9", "read this text"),
    ("f", "feedback, and back to the rationales"),
    ("a", "accept, and go on"),
    ("r then 1-7", "reject with a reason, and go on"),
    ("Enter", "the rest is right: accept the texts that are marked as waiting, and go on"),
    ("s", "skip: not now, not by me"),
    ("w", "where it is offered: decide the whole class of texts at once"),
    ("n", "note: the next decision takes it along; Ctrl+Enter saves it by itself"),
    ("e", "repair: a corrected copy, by you, stands in for the text"),
    ("c", "the rationale’s own answer was misread"),
    ("x", "the attempt: not a mistake, or another answer"),
    ("g", "the question or its gold is bad"),
    ("Enter", "judged first and revealed: go on"),
    ("u / y", "undo / redo"),
    ("j", "judge first, or see all"),
    ("d", "random audit: another draw"),
    ("← →", "the mistake before / behind"),
    ("h", "history"),
    ("i", "the guidelines beside the work, and away"),
    ("↑ ↓ Space", "scroll, as do PageUp, PageDown, Home and End"),
    ("m", "maths and markdown of this text rendered, and back to as it was written"),
)


# -- the bar ----------------------------------------------------------------------------------------------------------


def where(line: Line, mistake: Mistake, at: int | None, mine: Sequence[JudgementRow]) -> str:
    """Where a mistake stands in the queue. `at`: its number there; `mine`: all that this person said in the exam."""
    if at is not None:
        return f"{at:,} / {line.all:,} mistakes"
    here = {(x.text.kind, x.text.id) for x in mistake.texts}
    here |= {("attempt", mistake.attempt.id), ("question", mistake.question.id)}
    decided = any(
        row.queue == line.queue.name
        and (row.target, row.target_id) in here
        and row.judged.decision not in (Act.SKIP, Act.WITHDRAW)
        for row in mine
    )
    return "decided · has left this queue" if decided else "not in this queue"


def so_far(line: Line) -> str:
    """How much of the queue is decided, and how much this person skipped: that is not decided."""
    return f"{line.decided:,} decided" + f", {line.skipped:,} skipped by you" * bool(line.skipped)


def bar(line: Line, stop: Stop, at: str) -> None:
    """Which queue, how far, and the keys. `at`: where in the queue, in words."""
    with st.container(key="mapd_triage_bar", horizontal=True, vertical_alignment="center", gap="small"):
        counts = line.counts
        key = f"triage_queue_{stop.exam_id}"
        st.session_state[key] = line.queue.name

        def title(name: str) -> str:
            covered = stop.place.judge_first and name == line.queue.name and line.queue.tells
            named = "its name would tell" if covered else QUEUES[name].title
            return f"{named} · {counts[name].waiting:,} of {counts[name].all:,} wait"

        st.selectbox(
            "Queue",
            list(place.queues()),
            format_func=title,
            key=key,
            on_change=_choose_queue,
            args=(key, stop.exam_id, switched(line, stop)),
            label_visibility="collapsed",
            width=330,
        )
        settled = f'{figures.bar(line.decided, line.all)}<span class="mapd-note">{so_far(line)}</span>'
        if not line.all or (line.queue.drains and not line.settled):
            settled = ""  # what is decided leaves a queue that drains
        st.html(f'<div class="mapd-progress"><b>{at}</b>{settled}</div>', width="stretch")
        judge_first = stop.place.judge_first
        other = Stop(stop.exam_id, replace(stop.place, judge=JUDGE[judge_first]))
        if line.queue.by_lot:
            another = Stop(stop.exam_id, Place(line.queue.name, judge=stop.place.judge, draw=line.draw + 1))
            _press("d", f"draw {line.draw}", line.draw, go, another, kind="tertiary")
        whole.offer(line, stop)
        guidelines.toggle()
        _press("j", f"judge first {'◉ on' if judge_first else '○ off'}", judge_first, go, other, kind="tertiary")
        _help()


def switched(line: Line, stop: Stop) -> str | None:
    """Judging first, where a person has switched it on: it holds in the next queue too. None is a queue's own way."""
    own = first.is_default(line.queue, line.exam.wanted)
    return stop.place.judge if stop.place.judge_first and not own else None


def _choose_queue(key: str, exam_id: int, judge: str | None) -> None:
    """Go to the queue. A label from before the last press, with counts that are gone, arrives as it is: stay then."""
    if (chosen := st.session_state[key]) in QUEUES:
        go(Stop(exam_id, Place(chosen, judge=judge)))


def _help() -> None:
    with st.popover(hotkeys.label("help", "keys"), key=hotkeys.name("help"), type="tertiary"):
        rows = "".join(f"<dt><kbd>{key}</kbd></dt><dd>{what}</dd>" for key, what in KEYS)
        with st.container(key=hotkeys.panel("help")):
            st.html(f'<dl class="mapd-keys">{rows}</dl>')


# -- the mistake ------------------------------------------------------------------------------------------------------


def mistake(scene: Scene) -> None:
    """The left side: the question, what the student said, and a line a text; the guidelines above, if asked for."""
    guidelines.beside()
    with st.container(border=True, key="mapd_triage_question"):
        st.html(cards.question(scene.mistake))
        with _line("gold"):
            st.html(cards.gold(scene.mistake, covered=bool(scene.hidden)))
            _about_question(scene)
        _disagreement(scene, scene.question)
    with st.container(border=True, key="mapd_triage_student"):
        with _line("student"):
            st.html(cards.answered(scene.mistake, covered=bool(scene.hidden)))
            _about_attempt(scene)
        _disagreement(scene, scene.attempt)
        st.html(cards.response(scene.mistake, covered=bool(scene.hidden)))
    with st.container(border=True, key="mapd_triage_texts", gap=None):
        _texts(scene)


@contextmanager
def _line(name: str) -> Iterator[None]:
    with st.container(
        key=f"mapd_line_{name}", horizontal=True, wrap=False, horizontal_alignment="distribute", gap="small"
    ):
        yield


def _texts(scene: Scene) -> None:
    rationales, feedback = scene.mistake.rationales, scene.mistake.feedback
    unfolded = scene.text is not None and scene.text.text.kind == "feedback"
    _text_lines(scene, rationales, 1)
    if feedback:
        with st.container(key="mapd_feedback", horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            other = (rationales if unfolded else feedback) or feedback
            _press("f", "", scene.version, go, scene.at(other[0]))
            st.html(cards.feedback_line(feedback, covered=bool(scene.hidden)))
        if unfolded:
            _text_lines(scene, feedback, len(rationales) + 1)


def _text_lines(scene: Scene, texts: Sequence[Explained], first: int) -> None:
    for number, x in enumerate(texts, first):
        in_focus = scene.text is not None and x.text.id == scene.text.text.id
        name = f"mapd_text_{'focus' if in_focus else 'line'}_{number}"
        with st.container(key=name, horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            _press(str(number), "", scene.version, go, scene.at(x))
            line = cards.text_line(x, scene.mistake, scene.curated, _mark(scene, x))
            st.html(cards.covered_line(x) if x.text.id in scene.hidden else line)


def _mark(scene: Scene, x: Explained) -> str:
    """What is marked at a text's line where nobody has decided on it."""
    if x.text.id in scene.waiting:
        return cards.WAITS
    return cards.SKIPPED if x.text.id in scene.skipped else ""


def _about_question(scene: Scene) -> None:
    if not scene.person:
        return
    with _panel("g", "question or gold bad", scene.version):
        for number, reason in enumerate(QuestionReason, 1):
            _decision(str(number), cards.words(reason), scene.question, Act.REJECT, reason=reason)
        _typed("The right gold answer", scene.question)
        _decision("w", "withdraw what I said", scene.question, Act.WITHDRAW, move=False)


def _about_attempt(scene: Scene) -> None:
    if not scene.person:
        return
    with _panel("x", "not a mistake", scene.version):
        _decision("1", "not a mistake: the student is right", scene.attempt, Act.REJECT)
        _decision("2", "a mistake indeed", scene.attempt, Act.ACCEPT, move=scene.line.queue.of_attempt)
        _typed("The student’s answer reads", scene.attempt)
        _decision("w", "withdraw what I said", scene.attempt, Act.WITHDRAW, move=False)


def _about_answer(scene: Scene) -> None:
    """Where a rationale's own answer was read wrongly, or not at all."""
    if scene.person and scene.text is not None and scene.text.text.kind == "rationale":
        with _panel("c", "misread", scene.version):
            _typed("The rationale’s own answer is", scene.item, "Enter saves it")


# -- the text in focus ------------------------------------------------------------------------------------------------


def focus(scene: Scene) -> None:
    """The right side: the text with its checks, its reviews, and what counts."""
    with st.container(border=True, key="mapd_triage_focus"):
        if scene.text is None:
            st.html('<p class="mapd-note">No teacher has written on this mistake.</p>')
            return
        x = scene.text
        if scene.covered:
            _read(scene, x, cards.covered_head(x, scene.mistake))
            with _line("covered"):
                st.html(cards.COVERED)
                _about_answer(scene)
            return
        _read(scene, x, cards.head(x, scene.mistake, scene.curated, scene.line.queue.name))
        with _line("checks"):
            st.html(cards.checks(x, scene.mistake))
            _about_answer(scene)
        st.html(cards.votes(x, scene.curated))
        st.html(cards.why(x, _rows_on(scene, x)))


def _read(scene: Scene, x: Explained, head: str) -> None:
    """The text under its head: as it was written, its false steps marked, or rendered if the person asks for that."""
    with _line("head"):
        st.html(head)
        asked = rendered.toggle(x.text.text, x.text.uid)
    if not scene.covered:
        _disagreement(scene, scene.item)
        if scene.explained is not None:
            st.html(cards.explained(scene.explained, scene.mistake.question, scene.own))
    if asked:
        rendered.draw(x.text.text, "focus")
    else:
        st.html(cards.body(x, covered=scene.covered))


def _rows_on(scene: Scene, x: Explained) -> list[JudgementRow]:
    return _rows(scene, Target(x.text.kind, x.text.id))


def _rows(scene: Scene, target: Target) -> list[JudgementRow]:
    return [row for row in scene.rows if (row.target, row.target_id) == (target.kind, target.id)]


def _disagreement(scene: Scene, item: Item) -> None:
    """What people say, where this person settles it."""
    if item.role == ADJUDICATOR:
        st.html(cards.differing(_rows(scene, item.target), scene.mistake.question, scene.person))


# -- the actions ------------------------------------------------------------------------------------------------------


def actions(scene: Scene, mine: Sequence[JudgementRow]) -> None:
    """The bar at the bottom, with what was saved last. `mine`: all that this person said in the exam."""
    with st.bottom, st.container(key="mapd_triage_actions", horizontal=True, vertical_alignment="center", gap="small"):
        _go("left", scene.before, scene.version)
        _go("right", scene.behind, scene.version)
        if not scene.person:
            acting.ask("triage", "Judge")
            return
        if scene.text is not None:
            _verdict(scene)
        if not scene.revealed:
            _rest(scene)
            _decision("s", "skip", scene.item, Act.SKIP, draft=_draft(scene))
        if scene.text is not None and not scene.covered:
            _repair(scene, scene.text)
        _note(scene)
        undo(mine, scene.stop, scene.item)
        _history(scene)
    drafts.watch(scene.item, {"n": _watched_note(scene), "e": _watched_repair(scene)})


def _draft(scene: Scene) -> str:
    """The field of a note that was begun here."""
    return drafts.key(scene.item, "note")


def _note(scene: Scene) -> None:
    with _panel("n", "note · not saved yet" if drafts.begun(scene.item, "note") else "note", scene.version):
        hint = "The next decision takes it along"
        field = drafts.field("Note", scene.item, "note", "", height=90, max_chars=2000, placeholder=hint)
        save = "save the note alone"
        st.button(save, key=f"{field}_save", on_click=acts.note, args=(scene.item, field), shortcut="Ctrl+Enter")


def _watched_note(scene: Scene) -> drafts.Watched:
    """What takes a note along, as the buttons of `_verdict`, `_rest` and the skip do, and the notes that are saved."""
    rows = () if scene.covered else _rows(scene, scene.item.target)
    said = [row.note for row in rows if row.note and row.judged.person == scene.person]
    if not scene.revealed:
        without = bool(scene.rest) and not _waits(scene)  # Enter is about other texts then
        return drafts.Watched("note", ("a", "r", "s", *(() if without else ("enter",))), said)
    return drafts.Watched("note", ("r",) if scene.own is Act.ACCEPT else ("a", "r"), said)


def _watched_repair(scene: Scene) -> drafts.Watched:
    """Nothing takes a repair along."""
    own = (x.text for x in scene.mistake.texts if x.text.repairs_id == scene.item.target.id)
    return drafts.Watched("repair", (), [text.text for text in own if text.teacher == scene.person])


def _repair(scene: Scene, x: Explained) -> None:
    """A copy of the text to correct."""
    begun = (drafts.begun(scene.item, "repair") or x.text.text) != x.text.text
    with _panel("e", "repair · not saved yet" if begun else "repair", scene.version):
        if len(x.text.text) > repairing.LONGEST:
            st.html(f'<p class="mapd-note">More than {repairing.LONGEST:,} characters: too long to repair here.</p>')
            return
        long = repairing.LONGEST
        field = drafts.field("Your corrected copy", scene.item, "repair", x.text.text, height=320, max_chars=long)
        save = "save as a text of your own; the old one is rejected"
        st.button(save, key=f"{field}_save", on_click=acts.repair, args=(scene.item, field), shortcut="Ctrl+Enter")


def _rest(scene: Scene) -> None:
    """All that is marked as waiting is right. A note goes along only where its own text waits."""
    if not scene.rest:
        return
    words = "right" if _waits(scene) and len(scene.rest) == 1 else f"the rest is right · {len(scene.rest)}"
    draft = _draft(scene) if _waits(scene) else ""
    _press("enter", words, scene.version, acts.decide_rest, scene.item, scene.rest, scene.onward, draft)


def _waits(scene: Scene) -> bool:
    """Whether the text in focus is one of those that are marked as waiting."""
    return scene.item.target in [chosen.target for chosen in scene.rest]


def _verdict(scene: Scene) -> None:
    """Accept and reject; of what was judged first and is revealed now, go on or change it by a second judgement."""
    if scene.revealed:
        _press("enter", "go on", scene.version, go, scene.item.then, kind="primary")
    if scene.revealed and scene.own is Act.ACCEPT:
        _press("a", "accept stands: go on", scene.version, go, scene.item.then)
    else:
        kind: acts.ButtonKind = "secondary" if scene.covered or scene.revealed else "primary"
        words = "accept after all" if scene.revealed else "accept"
        _decision("a", words, scene.item, Act.ACCEPT, kind=kind, draft=_draft(scene))
    with _panel("r", "reject after all" if scene.revealed else "reject", scene.version):
        for number, reason in enumerate(Reason, 1):
            _decision(str(number), cards.words(reason), scene.item, Act.REJECT, reason=reason, draft=_draft(scene))
        _decision("0", "no reason", scene.item, Act.REJECT, draft=_draft(scene))


def undo(mine: Sequence[JudgementRow], stop: Stop, item: Item) -> None:
    """Undo and redo, and the indicator of what the database has."""
    back, again = undoable(mine, item.person), redoable(mine, item.person)
    for key, words, rows, shown in (("u", "undo", back, 0), ("y", "redo", again, -1)):  # a repair comes behind its text
        if rows:
            words = f"{words} {len(rows)}" if len(rows) > 1 else words
            home = home_of(stop, rows[shown], redone=key == "y")
            _press(key, words, f"{item.token}_{rows[-1].uid}", acts.undo, item, rows, home)
        else:
            _press(key, words, item.token, None, disabled=True)
    st.html(cards.saved(mine[-1] if mine else None, mine))


def go_on(stop: Stop) -> None:
    """Where the place shows no mistake (any more): on to what waits in its queue."""
    _press("enter", "go on", stop.place.mistake, go, stop.at(None), kind="primary")


def queues(waiting: Sequence[tuple[str, int]], line: Line, stop: Stop) -> None:
    """A button a queue that waits."""
    judge = switched(line, stop)
    with st.container(horizontal=True, gap="small"):
        for name, count in waiting:
            words = f"{QUEUES[name].title} · {count:,}"
            st.button(words, key=f"triage_go_{name}", on_click=go, args=(Stop(stop.exam_id, Place(name, judge=judge)),))


def back(mine: Sequence[JudgementRow], stop: Stop, person: str) -> None:
    """Undo and redo where no mistake is shown."""
    with st.bottom, st.container(key="mapd_triage_actions", horizontal=True, vertical_alignment="center", gap="small"):
        undo(mine, stop, nowhere(stop, person, mine))
    unsaved.watch()


def _history(scene: Scene) -> None:
    targets = {(i.target.kind, i.target.id) for i in (scene.item, scene.attempt, scene.question)}
    with db.reading(current.engine()) as session:
        rows = scene.visible(queries.history(session, *sorted(targets)))
    if scene.covered:
        rows = [row for row in rows if row.judged.person == scene.person and not scene.repeats]
    focus = None if scene.text is None or scene.covered else scene.text.text.id
    gone = [x for x in scene.mistake.taken_back if x.repairs_id == focus]
    with _panel("h", f"history · {len(rows)}", scene.version):
        st.html(
            cards.history(rows, scene.mistake.question, covered=scene.covered, taken_back=gone)
            if rows
            else '<p class="mapd-note">Nobody has judged this yet.</p>'
        )


# -- buttons ----------------------------------------------------------------------------------------------------------


def _press(
    key: str,
    words: str,
    version: object,
    act: acts.Press | None,
    *args: object,
    disabled: bool = False,
    kind: acts.ButtonKind = "secondary",
) -> None:
    st.button(
        hotkeys.label(key, words),
        key=hotkeys.name(key, version),
        on_click=act,
        args=args,
        disabled=disabled,
        type=kind,
    )


def _decision(
    key: str,
    words: str,
    item: Item,
    act: Act,
    *,
    reason: str | None = None,
    move: bool = True,
    kind: acts.ButtonKind = "secondary",
    draft: str = "",
) -> None:
    """A button that judges; its key holds the item's token, so that it is pressed once."""
    _press(key, words, f"{item.token}_{act}", acts.decide, item, act, reason, move, draft, kind=kind)


def _go(key: str, to: Stop | None, version: str) -> None:
    _press(key, "", version, go, to, disabled=to is None)


def _typed(label: str, item: Item, how: str = "Tab, then type it; Enter saves") -> None:
    """A field for a corrected value. Beside buttons with keys of their own it takes Tab to get there."""
    field = f"triage_typed_{item.token}"
    st.text_input(label, key=field, max_chars=200, placeholder=how, on_change=acts.decide_typed, args=(item, field))


@contextmanager
def _panel(key: str, words: str, version: object) -> Iterator[None]:
    """A popover whose buttons take the keys while it is open."""
    with (
        st.popover(hotkeys.label(key, words), key=hotkeys.name(key, version)),
        st.container(key=hotkeys.panel(key, version), gap="small"),
    ):
        yield
