"""The cards of triage as HTML: question, answer, one line a text, the text in focus. All that is foreign is escaped."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mapd.answers.limits import name_limit
from mapd.checks import FeedbackChecks, State
from mapd.curation import repairing
from mapd.curation.curated import Curated, Explained, Mistake, counted
from mapd.curation.named import first_wrong
from mapd.curation.suspicion import suspicion
from mapd.store.queries import Item, JudgementRow, Text, Vote
from mapd.ui import times
from mapd.ui.look import LOOKS, chip, score_dots, teacher_chip, word_of
from mapd.ui.text import Mark, escape, foreign_html, gold_html, one_line, thought_html
from mapd.verdicts import ADJUDICATOR, ANYTHING, VERDICT, Act, Judged, heard, in_force

LONGEST = 20_000  # characters of one text that are sent to the browser; the rest is counted
FALSE = "false equation"  # what a mark of the checks says


def words(code: str | None) -> str:
    """A reason's code in words."""
    return (code or "").replace("_", " ")


def labelled(what: str) -> str:
    """A line's label."""
    return f'<span class="mapd-label">{what}</span>'


def small_chip(teacher: str, curated: Curated, shown: str = "", title: str = "") -> str:
    """A teacher's chip in its colour; `shown` in place of the name, and what its tooltip says."""
    return teacher_chip(one_line(shown or teacher, 30), curated.places.get(teacher), title or teacher)


def sign(state: State) -> str:
    """A check's sign, coloured, with its word for those who can't see it."""
    look = LOOKS[state.value]
    return (
        f'<span class="mapd-sign" style="--c:{look.colour}" role="img" aria-label="{look.word}" '
        f'title="{look.word}">{look.sign}</span>'
    )


def verdict_chip(x: Explained) -> str:
    """What counts now: the verdict, marked where people overrode the committee or differ.

    The mean is the committee's reason: it stands only beside a verdict that is the committee's own.
    """
    if x.people.conflict:
        return chip("conflict")
    return chip("overridden") + chip(x.verdict.value) if x.overridden else committee_chip(x)


def committee_chip(x: Explained) -> str:
    """What the committee says, whatever people decided."""
    mean = "" if x.committee.mean is None else f"{float(x.committee.mean):.2f}"
    return chip(x.committee.verdict.value, mean)


# -- the left side ----------------------------------------------------------------------------------------------------


def question(mistake: Mistake, *, worked: bool = True) -> str:
    """The question as given, with what belongs to it; without the worked solution where the gold isn't told yet."""
    q = mistake.question
    parts = [foreign_html(q.text, max_chars=LONGEST)]
    if q.context:
        parts.append(f'<div class="mapd-label">context</div>{foreign_html(q.context, max_chars=LONGEST)}')
    if q.options:
        parts.append(f'<ol class="mapd-options" type="A">{"".join(f"<li>{escape(o)}</li>" for o in q.options)}</ol>')
    if q.gold_note and worked:
        fold = f"<summary>worked solution</summary>{foreign_html(q.gold_note, max_chars=LONGEST)}"
        parts.append(f'<details class="mapd-fold">{fold}</details>')
    title = f'<span class="mapd-label">question {escape(one_line(q.source_id, 20))}</span>'
    return f'{title}<div class="mapd-scroll mapd-question" tabindex="0">{"".join(parts)}</div>'


def gold(mistake: Mistake, *, covered: bool) -> str:
    """The gold answer, as corrected; the one that was given beside it, unless what people say is `covered`."""
    was = ""
    if not covered and mistake.question.gold != mistake.gold:
        given = gold_html(mistake.question.show(mistake.question.gold), 40)
        was = f' <s class="mapd-note">{given}</s> corrected'
    return f'{labelled("gold")} <b class="mapd-answer">{gold_html(mistake.shown_gold, 60)}</b>{was}'


def answered(mistake: Mistake, *, covered: bool) -> str:
    """The student's own answer beside the gold; `covered`, without what people and our own reading say of it."""
    if (answer := mistake.show(mistake.answer)) is None:
        limit = name_limit(mistake.attempt.text)
        why = f' <span class="mapd-note">{limit}</span>' if limit else ""
        return f"{labelled('student')} {chip('no_answer')}{_cut_off(mistake)}{why}"
    look = LOOKS["incorrect"]
    read = (
        ""
        if covered or mistake.answer == mistake.attempt.answer
        else ' <span class="mapd-note">as people read it</span>'
    )
    ours = mistake.show(mistake.attempt.our_answer)
    doubt = ""
    if mistake.possibly_not and ours and not covered:
        doubt = f' <span class="mapd-note">possibly not a mistake: we read {escape(one_line(ours, 30))}</span>'
    return (
        f'{labelled("student")} <b class="mapd-answer">{escape(one_line(answer, 40))}</b> '
        f'<span class="mapd-sign" style="--c:{look.colour}" role="img" aria-label="wrong" '
        f'title="not the gold answer">{look.sign}</span>'
        f"{_cut_off(mistake)}{read}{doubt}"
    )


def _cut_off(mistake: Mistake) -> str:
    return chip("cut_off") if mistake.attempt.is_cut_off else ""


def response(mistake: Mistake, *, covered: bool) -> str:
    """The student's response; `covered`, without the thought before it, which may tell more."""
    thought = "" if covered else thought_html(mistake.attempt.thought, LONGEST)
    body = thought + foreign_html(mistake.attempt.text, max_chars=LONGEST)
    return f'<div class="mapd-scroll mapd-response" tabindex="0">{body}</div>'


STATES_GOLD = {
    State.HOLDS: "states the gold",
    State.FAILS: "doesn’t state the gold",
    State.NOTHING: "gold: nothing to check",
}


WAITS, SKIPPED = "waits", "skipped"  # what is marked of a text that nobody has decided on
MARKS = {
    "overridden": "a person has decided otherwise than the committee",
    "judged": "a person has decided on it",
    WAITS: "nobody has decided on it yet: Enter accepts it",
    SKIPPED: "you skipped it: Enter leaves it",
}


def text_line(x: Explained, mistake: Mistake, curated: Curated, mark: str = "") -> str:
    """One text on one line: teacher, its answer against the gold, mean, verdict, and whether it was decided or waits.

    `mark`: what is said of it where nobody has decided.
    """
    if isinstance(x.checks, FeedbackChecks):
        said = f'<span class="mapd-note">{STATES_GOLD[x.states.matches_gold]}</span> {sign(x.states.matches_gold)}'
    elif (answer := mistake.show(x.answer)) is None:
        said = '<span class="mapd-note">answer can’t be read</span>'
    else:
        said = f'<span class="mapd-answer">{escape(one_line(answer, 24))}</span> {sign(x.states.matches_gold)}'
    step = '<span class="mapd-note">false step</span>' if x.states.equations_true is State.FAILS else ""
    mean = "–" if x.committee.mean is None else f"{float(x.committee.mean):.1f}"
    who = small_chip(x.text.teacher, curated, f"✎ {x.text.teacher}" * bool(x.text.repairs_id), x.text.by)
    counts = chip("conflict" if x.people.conflict else x.verdict.value)
    people = "overridden" if x.overridden else "judged" if x.judged else mark
    judged = f'<span class="mapd-note" title="{MARKS[people]}">{people}</span>' if people else ""
    return (
        f'<div class="mapd-textline">{who}<span class="mapd-textline-said">{said}{step}</span>'
        f'<span class="mapd-mean">{mean}</span><span class="mapd-textline-counts">{counts}{judged}</span></div>'
    )


def covered_line(x: Explained) -> str:
    """One text of which nothing is said yet: its length alone."""
    count = len(x.text.text.split())
    return f'<div class="mapd-note">not judged by you yet · {count:,} {"word" if count == 1 else "words"}</div>'


def feedback_line(texts: Sequence[Explained], *, covered: bool) -> str:
    """The folded feedback: how many, and how they stand."""
    verdicts = {} if covered else Counter(x.verdict.value for x in texts)
    alike = len(verdicts) == 1
    standing = "".join(f"{'' if alike else count}{chip(verdict)}" for verdict, count in verdicts.items())
    return f'<div class="mapd-feedbackline"><span class="mapd-label">feedback · {len(texts)}</span>{standing}</div>'


# -- the text in focus ------------------------------------------------------------------------------------------------


def _numbered(x: Explained, mistake: Mistake) -> str:
    texts = mistake.feedback if x.text.kind == "feedback" else mistake.rationales
    number = next(i for i, other in enumerate(texts, 1) if other.text.id == x.text.id)
    return labelled(f"{x.text.kind} {number} of {len(texts)}")


def covered_head(x: Explained, mistake: Mistake) -> str:
    """Which text it is, and no more."""
    return f'<div class="mapd-head">{_numbered(x, mistake)}</div>'


COVERED = (
    '<div class="mapd-checks mapd-note">Judge first: who wrote it, and what checks, reviewers and people say of it, '
    "is shown once you have decided.</div>"
)


def head(x: Explained, mistake: Mistake, curated: Curated, queue: str) -> str:
    """Which text it is, what counts of it now, and in the combined queue why it stands where it stands."""
    simulated = ' <span class="mapd-note">simulated</span>' if x.text.simulated else ""
    repair = ""
    if x.text.repairs_id:
        of = mistake.original(x.text)
        whose = "another" if of is None else of.teacher
        repair = f' <span class="mapd-note">a repair of {escape(one_line(whose, 30))}’s</span>'
    who = f"{_numbered(x, mistake)}{small_chip(x.text.teacher, curated)}{simulated}{repair}"
    here = _why_here(x, mistake) if queue == "smart" and x.text.kind == "rationale" else ""
    return f'<div class="mapd-head">{who}<span class="mapd-grow"></span>{here}{verdict_chip(x)}</div>'


def _why_here(x: Explained, mistake: Mistake) -> str:
    why = escape(suspicion(mistake, x).words)
    return f'<details class="mapd-fold mapd-why"><summary>why here?</summary><span>{why}</span></details>'


def body(x: Explained, *, covered: bool) -> str:
    """The text itself, and unless it is `covered` what is marked in it, with a line that says by whom."""
    false, named = ([], []) if covered else (_false(x), _named(x))
    marks = false + [mark for mark, _ in named]
    thought = "" if covered else thought_html(x.text.thought, LONGEST)
    whole = thought + foreign_html(x.text.text, marks, LONGEST)
    text = f'<div class="mapd-scroll mapd-focus" tabindex="0">{whole}</div>'
    who = ", ".join(dict.fromkeys(reviewer for _, reviewer in named))
    legend = [f'<span><mark class="mapd-mark">{FALSE}</mark> found by the checks</span>'] if false else []
    legend += [f'<span><mark class="mapd-named">first wrong step</mark> named by {escape(who)}</span>'] if named else []
    return text + (f'<div class="mapd-legend">{"".join(legend)}</div>' if legend else "")


def _false(x: Explained) -> list[Mark]:
    return [Mark(e.start, e.end, FALSE) for e in x.checks.equations if not e.true]


def _named(x: Explained) -> list[tuple[Mark, str]]:
    """The first step that each reviewer calls wrong, and the reviewer."""
    found = ((first_wrong(x.text.text, v.text), one_line(v.reviewer, 30)) for v in x.text.votes)
    return [(Mark(*span, f"{who} calls this step wrong", "named"), who) for span, who in found if span]


def checks(x: Explained, mistake: Mistake) -> str:
    """What the checks found, in one line."""
    equations = x.checks.equations
    true = sum(e.true for e in equations)
    counted_ = f"{true} of {len(equations)} equations true" if equations else "no equation to check"
    if isinstance(x.checks, FeedbackChecks):
        found = [(STATES_GOLD[x.states.matches_gold], x.states.matches_gold)]
    else:
        shown = "can’t be read" if x.answer is None else escape(one_line(mistake.question.show(x.answer), 30))
        relation = {State.HOLDS: "=", State.FAILS: "≠"}.get(x.states.matches_gold)
        gold_shown = f" {relation} gold {escape(one_line(mistake.shown_gold, 30))}" if relation else ""
        found = [(f"answer {shown}{gold_shown}", x.states.matches_gold)]
    found.append((counted_, x.states.equations_true))
    if x.text.kind == "rationale":
        found.append(("shows no work" if x.states.shows_work is State.FAILS else "shows work", x.states.shows_work))
    items = "".join(f"<span>{sign(state)} {what}</span>" for what, state in found)
    items += f'<span class="mapd-note">{x.checks.limit}</span>' if x.checks.limit else ""
    return f'<div class="mapd-checks">{labelled("checks")}{items}</div>'


def votes(x: Explained, curated: Curated) -> str:
    """Each reviewer's vote, or why there is none; a review's words on demand."""
    if not x.text.votes:
        return f'<div class="mapd-checks">{labelled("reviews")}<span class="mapd-note">none</span></div>'
    valid = counted(x.text.votes)
    lines = "".join(f"<span>{_vote(v, v in valid, x, curated)}</span>" for v in x.text.votes)
    said = "".join(
        f"<summary>{escape(one_line(v.reviewer, 30))}’s review</summary>"
        f"{thought_html(v.thought, LONGEST)}{foreign_html(v.text, max_chars=LONGEST)}".join(
            ('<details class="mapd-fold">', "</details>")
        )
        for v in x.text.votes
        if v.text or v.thought
    )
    return f'<div class="mapd-checks">{labelled("reviews")}{lines}</div>{said}'


def _vote(vote: Vote, counts: bool, x: Explained, curated: Curated) -> str:
    raw = f": {escape(one_line(vote.raw, 20))}" if vote.raw else ""
    reason = "" if vote.score is not None else f" ({escape(one_line(vote.status, 40))}{raw})"
    aside = "" if counts else " without the gold, not counted"
    aside += " names a wrong step" if first_wrong(x.text.text, vote.text) else ""
    return f'{small_chip(vote.reviewer, curated)}{score_dots(vote.score)}<span class="mapd-note">{reason}{aside}</span>'


def why(x: Explained, rows: Iterable[JudgementRow]) -> str:
    """The committee's verdict with its reason, and what people say instead."""
    committee = f"{chip(x.committee.verdict.value)}<span>{escape(x.committee.why)}</span>"
    lines = f'<div class="mapd-checks">{labelled("committee")}{committee}</div>'
    people = "".join(
        f"<span>{_says(j)}{escape(' · ' + one_line(words(j.reason), 60)) if j.reason else ''}</span>"
        for j in heard((row.judged for row in rows), VERDICT)
    )
    nobody = '<span class="mapd-note">nobody yet</span>'
    return f'{lines}<div class="mapd-checks">{labelled("people")}{people or nobody}</div>'


def _says(j: Judged) -> str:
    """A person's verdict, with their name."""
    role = ' <span class="mapd-note">adjudicator</span>' if j.role == ADJUDICATOR else ""
    return f"{chip('accepted' if j.decision is Act.ACCEPT else 'rejected')}{escape(one_line(j.person, 30))}{role}"


def differing(rows: Sequence[JudgementRow], question: Item, person: str) -> str:
    """What people say of one target that waits for the last word, each with reason and note, for whom decides now."""
    by_id = {row.judged.id: row for row in rows}
    of_text = rows[0].target in ("rationale", "feedback")
    said = heard((row.judged for row in rows), VERDICT if of_text else ANYTHING)
    lines = "".join(_differs(by_id[j.id], question, of_text) for j in said)
    own = "You are one of them: better that somebody else decides. " if person in {j.person for j in said} else ""
    word = f"{own}What you decide here is the adjudicator’s word: it counts, and theirs stay on record."
    title = "people disagree" if len({(j.decision, j.value) for j in said}) > 1 else "people decided"
    return f'{labelled(title)}<ul class="mapd-history">{lines}</ul><p class="mapd-note">{word}</p>'


def explained(row: JudgementRow, question: Item, own: Act | None) -> str:
    """What the adjudicator said of a practice text, beside what one said oneself."""
    same = "You said the same." if own is row.judged.decision else "You said otherwise."
    lines = _differs(row, question, of_text=True)
    return f'{labelled("practice · explained")}<ul class="mapd-history">{lines}</ul><p class="mapd-note">{same}</p>'


def _differs(row: JudgementRow, question: Item, of_text: bool) -> str:
    j = row.judged
    who = _says(j) if of_text else f"<b>{escape(one_line(j.person, 30))}</b> {escape(_said(row, question))}"
    how = "" if row.revealed or not of_text else '<span class="mapd-note">judged first</span>'
    why = f"<b>{escape(words(j.reason))}</b>" if j.reason and of_text else ""
    note = f"“{escape(one_line(row.note, 500))}”" if row.note else ""
    return f"<li>{' · '.join(filter(None, (who, why, note, how)))}</li>"


def history(rows: Sequence[JudgementRow], question: Item, *, covered: bool, taken_back: Sequence[Text] = ()) -> str:
    """Every judgement on what is shown, oldest first: who, what, when, why, and what the committee said then.

    What was undone is struck out, and so is what came with an archive and doesn't count; each undo and redo has a line
    of its own.
    `covered`: without the committee, and without the queue, whose name may tell.
    `taken_back`: repairs of it that were undone.
    """
    standing = {j.id for j in in_force(row.judged for row in rows if row.counts)}
    by_id = {row.judged.id: row for row in rows}
    items = []
    for row in rows:
        verb, about = _about(row, by_id)
        on = f"{row.target}: " if row.target in ("attempt", "question") else ""
        what = escape(f"{on}{_said(about, question)}")
        said = [what if verb or row.judged.id in standing else f"<s>{what}</s>"]
        if not verb:
            said += [escape(one_line(row.note, 500))] if row.note else []
            said += ["as the adjudicator"] if row.judged.role == ADJUDICATOR else []
            said += [f"queue {escape(one_line(row.queue, 30))}"] if row.queue and not covered else []
            said += [] if row.revealed else ["judged first"]
            said += [f"the committee said {escape(row.committee)}"] if row.committee and not covered else []
        if row.origin is not None:
            said += ["came with an archive" if row.counts else "came with an archive, doesn’t count"]
        when = f'<span class="mapd-note">{times.cell(row.created_at)}</span>'
        who = f"<b>{escape(one_line(row.judged.person, 30))}</b>"
        items.append(f"<li>{when} {who} {verb and f'{verb}: '}{' · '.join(said)}</li>")
    for x in taken_back:
        items.append(f"<li>{escape(one_line(x.by, 50))}, taken back: {foreign_html(x.text, max_chars=LONGEST)}</li>")
    return f'<ul class="mapd-history">{"".join(items)}</ul>'


def _about(row: JudgementRow, by_id: Mapping[int, JudgementRow]) -> tuple[str, JudgementRow]:
    """What an undo or redo is about, through all undos between: ("redone", the judgement); ("", itself) of no undo."""
    verb, about = "", row
    while about.judged.undoes is not None:
        verb, about = "redone" if verb == "undone" else "undone", by_id[about.judged.undoes]
    return verb, about


def _said(row: JudgementRow, question: Item | None = None) -> str:
    """What a judgement says; a corrected answer as its `question` shows it, where that is at hand."""
    if row.judged.decision is Act.SKIP:
        return "note" if row.judged.only_notes else "skipped"
    detail = words(row.judged.reason)
    if row.judged.decision is Act.CORRECT:
        detail = row.judged.value or ""
        detail = question.show(detail) if question is not None else detail
    return f"{word_of(row.judged.decision, row.target)} {one_line(detail or '', 60)}".strip()


def saved(row: JudgementRow | None, rows: Sequence[JudgementRow]) -> str:
    """The indicator: what the database has as this person's last act. `rows`: all judgements, for what was undone."""
    if row is None:
        return '<span class="mapd-saved mapd-note">nothing saved yet</span>'
    verb, about = _about(row, {other.judged.id: other for other in rows})
    number = sum(other.batch == row.batch for other in rows)
    what = f": {_said(about)} · {row.target}"
    if about.batch.endswith(repairing.ACT):
        what = f" repair · {row.target}"
    elif number > 1:
        what = f" {number:,} judgements" + ("" if verb else f": {_said(about)} · {row.target}")
    return (
        f'<span class="mapd-saved" role="status"><b>✓ {verb or "saved"}</b>'
        f'<span class="mapd-note">{escape(what)} · {times.cell(row.created_at, times.CLOCK)}</span></span>'
    )
