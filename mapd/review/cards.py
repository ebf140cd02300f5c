"""A mistake as a person gets it to judge: a `Card`, which holds what they may know of it and nothing else. Pure.

    card(part, mistake, Seat(ann, QUEUES["smart"], judge_first=False, threshold=300), Deal("c1f0…", number=1, all=12))

What is foreign goes as text with ranges (passages.py); names and values go as one line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mapd.answers.limits import name_limit
from mapd.checks import FeedbackChecks, State
from mapd.curation import first, queues
from mapd.curation.curated import Curated, Explained, Mistake, counted
from mapd.curation.named import first_wrong
from mapd.curation.queues import Entry, Queue, done_with, most_doubtful, undecided
from mapd.curation.records import CHECK, PRACTICE, REPEAT, last_words
from mapd.curation.suspicion import suspicion
from mapd.people import Person
from mapd.review import blinding, messages
from mapd.review.blinding import Sight
from mapd.review.messages import Card, CardWord, CoveredText, Holder, JudgeMode, OpenText, OwnWord, TextKind
from mapd.review.passages import Span, has_markup, line, passage
from mapd.store.queries import JudgementRow, Vote
from mapd.verdicts import ANYTHING, VERDICT, Act, heard, in_force, ruling

HIDDEN_KINDS = (CHECK, REPEAT)  # what is dealt beside the queue and may not be told from its cards
STATES_GOLD = {
    State.HOLDS: "states the gold",
    State.FAILS: "doesn’t state the gold",
    State.NOTHING: "gold: nothing to check",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """A person at a queue. `threshold` in hundredths."""

    person: Person
    queue: Queue
    judge_first: bool
    threshold: int
    draw: int = 1

    @property
    def judge(self) -> JudgeMode:
        """The way of judging, in the address's word."""
        return "first" if self.judge_first else "assisted"

    def entry(self, part: Curated, mistake: Mistake) -> Entry | None:
        """Return the mistake's entry in the queue, if it is in it."""
        name = self.person.name
        settled = done_with(part.judgements, name)
        return queues.entry(self.queue, mistake, self.threshold / 100, settled, name, part.exam.wanted)


@dataclass(frozen=True, slots=True)
class Deal:
    """How a card is dealt. `text`: the one that it is about, by id. `kind`: as what, if beside the queue."""

    id: str
    number: int | None = None
    all: int = 0
    kind: str = ""
    text: int | None = None
    alone: bool = True  # its other texts are dealt on another card
    enter: str | None = None  # the uid of the text that a link names
    holders: tuple[Holder, ...] = ()


def card(part: Curated, mistake: Mistake, seat: Seat, deal: Deal) -> Card:
    """Return the mistake as this person gets it."""
    repeated = deal.text if deal.kind == REPEAT and _is_open(part, mistake, seat, deal) else None
    sight = blinding.look(part, mistake, seat.person.name, seat.queue, judge_first=seat.judge_first, repeated=repeated)
    entry = seat.entry(part, mistake)
    waiting = _waiting(part, sight, entry, deal)
    enter = _enter(sight, entry, seat, deal, waiting)
    parts = _Card(part, mistake, seat, sight, repeated)
    return Card(
        id=deal.id,
        mistake=mistake.attempt.uid,
        queue=seat.queue.name,
        judge=seat.judge,
        draw=seat.draw,
        number=deal.number,
        all=deal.all,
        where="queue" if deal.number is not None else "decided" if parts.has_decided() else "outside",
        waits=bool(waiting) or (entry is not None and seat.queue.of_attempt and not entry.settled),
        about="attempt" if seat.queue.of_attempt else "texts",
        beside="practice" if deal.kind == PRACTICE else None,
        blind=sight.blind,
        enter=enter.text.uid if enter else None,
        open=[x.text.uid for x in waiting],
        rest={kind: [x.text.uid for x in parts.rest(kind)] for kind in _kinds()},
        question=parts.question(),
        attempt=parts.attempt(),
        texts=parts.texts(),
        people_here=list(deal.holders),
        free=seat.queue.settles is not None or len(deal.holders) < (entry.places if entry else 1),
        explained=parts.explained(deal),
    )


def rest_of(part: Curated, sight: Sight, kind: str) -> tuple[Explained, ...]:
    """Return the texts of this kind that are marked as waiting: what Enter accepts. None while one is covered."""
    alike = sight.mistake.feedback if kind == "feedback" else sight.mistake.rationales
    if any(x.text.id in sight.hidden for x in alike):
        return ()
    return undecided(alike, sight.person, part.exam.wanted, done_with(part.judgements, sight.person))


def rows_on(rows: Iterable[JudgementRow], kind: str, target: int) -> list[JudgementRow]:
    """Return the judgements on one target, oldest first."""
    return [row for row in rows if (row.target, row.target_id) == (kind, target)]


def decides_last(seat: Seat, rows: Sequence[JudgementRow]) -> bool:
    """Whether the person decides as the adjudicator: in a queue that settles what people decided, also to change it."""
    if seat.queue.settles is None:
        return False
    about = VERDICT if rows and rows[0].target in blinding.TEXTS else ANYTHING
    people = ruling([row.judged for row in rows], about)
    return seat.queue.settles(people) or people.adjudicated


def word(row: JudgementRow) -> CardWord:
    """Return a judgement as what somebody says."""
    return CardWord(
        person=line(row.judged.person, 60),
        decision=row.judged.decision,
        reason=row.judged.reason,
        value=None if row.judged.value is None else line(row.judged.value),
        note=None if row.note is None else line(row.note, 2_000),
        role=row.judged.role,
        blind=not row.revealed,
        at=row.created_at,
    )


def answers(rows: Iterable[JudgementRow], kind: str) -> bool:
    """Whether these judgements of one person on a text say what a card beside the queue asks, and nobody undid that.

    A verdict or a skip does; on a repeat only one that was given as its answer.
    """
    judgements = list(rows)
    standing = {j.id for j in in_force(row.judged for row in judgements)}
    return any(
        row.judged.id in standing
        and not row.judged.only_notes
        and row.judged.decision in (Act.ACCEPT, Act.REJECT, Act.SKIP)
        and (kind != REPEAT or row.queue == REPEAT)
        for row in judgements
    )


def _is_open(part: Curated, mistake: Mistake, seat: Seat, deal: Deal) -> bool:
    kind = next((x.text.kind for x in mistake.texts if x.text.id == deal.text), "")
    rows = rows_on(part.judgements, kind, deal.text or 0)
    return not answers((row for row in rows if row.judged.person == seat.person.name), deal.kind)


def _kinds() -> tuple[TextKind, TextKind]:
    return ("rationale", "feedback")


def _waiting(part: Curated, sight: Sight, entry: Entry | None, deal: Deal) -> list[Explained]:
    """The texts that the queue is about and that wait, in the order in which to go through them."""
    skipped = done_with(part.judgements, sight.person)

    def asks(x: Explained) -> bool:
        return x.text.id in sight.hidden or not (x.judged or (x.text.kind, x.text.id) in skipped)

    of_deal = [x for x in sight.mistake.texts if x.text.id == deal.text and asks(x)]
    if deal.text is not None and (deal.alone or deal.kind not in HIDDEN_KINDS):
        return of_deal
    texts = {x.text.id: x for x in sight.mistake.texts}
    ids = dict.fromkeys(x.text.id for x in (*(entry.open if entry else ()), *of_deal))  # a check waits as one of them
    waiting = [texts[id_] for id_ in ids if id_ in texts]
    return list(first.shuffled(waiting, sight.person)) if sight.judge_first else waiting


def _enter(sight: Sight, entry: Entry | None, seat: Seat, deal: Deal, waiting: Sequence[Explained]) -> Explained | None:
    """The text to begin with: the one that is asked for, else the queue's; judged first, in the person's own order."""
    of_link = next((x for x in sight.mistake.texts if x.text.uid == deal.enter), None)
    if of_link is not None:
        return of_link
    if waiting and (sight.judge_first or deal.text is not None):
        return waiting[0]
    of_deal = next((x for x in sight.mistake.texts if x.text.id == deal.text), None)
    doubtful = of_deal or (entry.enter if entry else most_doubtful(sight.mistake))
    if of_deal or not seat.judge_first or doubtful is None:
        return doubtful
    alike = entry.texts if entry else ()
    alike = alike or (sight.mistake.feedback if doubtful.text.kind == "feedback" else sight.mistake.rationales)
    return first.shuffled(alike, sight.person)[0]


@dataclass(frozen=True, slots=True)
class _Card:
    """A card's parts."""

    part: Curated
    full: Mistake
    seat: Seat
    sight: Sight
    repeated: int | None

    @property
    def mistake(self) -> Mistake:
        return self.sight.mistake

    def rows(self, kind: str, target: int) -> list[JudgementRow]:
        """All judgements on a target."""
        return rows_on(self.part.judgements, kind, target)

    def has_decided(self) -> bool:
        """Whether the person has decided on anything here in this queue, so that it left the queue."""
        targets = {(x.text.kind, x.text.id) for x in self.mistake.texts}
        targets |= {("attempt", self.mistake.attempt.id), ("question", self.mistake.question.id)}
        return any(
            row.judged.person == self.sight.person
            and row.queue == self.seat.queue.name
            and (row.target, row.target_id) in targets
            and row.judged.decision not in (Act.SKIP, Act.WITHDRAW)
            for row in self.part.judgements
        )

    def rest(self, kind: str) -> tuple[Explained, ...]:
        return rest_of(self.part, self.sight, kind)

    # -- question and attempt -----------------------------------------------------------------------------------------

    def question(self) -> messages.CardQuestion:
        """The question with its gold."""
        q, mistake = self.mistake.question, self.mistake
        corrected = q.gold != mistake.gold and not self.sight.blind
        return messages.CardQuestion(
            uid=q.uid,
            **self._target("question", q.id),
            number=line(q.source_id, 40),
            task=q.task,
            text=passage(q.text),
            context=passage(q.context) if q.context else None,
            options=[line(option, 2_000) for option in q.options],
            solution=passage(q.gold_note) if q.gold_note else None,
            gold=line(mistake.shown_gold),
            gold_was=line(q.show(q.gold)) if corrected else None,
            people=self._people("question", q.id),
        )

    def attempt(self) -> messages.CardAttempt:
        """The student's response."""
        attempt, blind = self.mistake.attempt, self.sight.blind
        answer, ours = self.mistake.show(self.mistake.answer), self.mistake.show(attempt.our_answer)
        return messages.CardAttempt(
            uid=attempt.uid,
            **self._target("attempt", attempt.id),
            text=passage(attempt.text),
            thought=None if blind else _thought(attempt.thought),
            cut_off=attempt.is_cut_off,
            answer=None if answer is None else line(answer),
            outcome="no_answer" if answer is None else "incorrect",
            limit=name_limit(attempt.text) or None if answer is None else None,
            reread=not blind and self.mistake.answer != attempt.answer,
            doubt=line(ours) if ours and self.mistake.possibly_not and not blind else None,
            people=self._people("attempt", attempt.id),
        )

    def _target(self, kind: str, target: int) -> dict[str, object]:
        """What every target has, but its uid."""
        rows = self.rows(kind, target)
        return {
            "seen": version_of(self.sight, rows),
            "adjudicate": decides_last(self.seat, rows),
            "said": None if kind in blinding.TEXTS and target == self.repeated else self._own_word(rows),
        }

    def _own_word(self, rows: Sequence[JudgementRow]) -> OwnWord | None:
        words = [row for row in rows if row.judged.person == self.sight.person]
        about = VERDICT if words and words[0].target in blinding.TEXTS else ANYTHING
        by_id = {row.judged.id: row for row in words}
        last = next(reversed(heard((row.judged for row in words), about)), None)
        if last is None:
            return None
        note = by_id[last.id].note
        return OwnWord(
            decision=last.decision,
            reason=last.reason,
            value=None if last.value is None else line(last.value),
            note=None if note is None else line(note, 2_000),
            act=by_id[last.id].batch,
        )

    def _people(self, kind: str, target: int) -> list[CardWord]:
        """What people say of it, as far as this person may know."""
        if self.sight.blind and kind not in blinding.TEXTS:
            return []
        rows = self.sight.visible(self.rows(kind, target))
        by_id = {row.judged.id: row for row in rows}
        about = VERDICT if kind in blinding.TEXTS else ANYTHING
        return [word(by_id[j.id]) for j in heard((row.judged for row in rows), about)]

    # -- texts --------------------------------------------------------------------------------------------------------

    def texts(self) -> list[CoveredText | OpenText]:
        """The texts in the order in which they are shown."""
        waiting = {x.text.id for kind in _kinds() for x in self.rest(kind)}
        skipped = done_with(self.part.judgements, self.sight.person)
        cards: list[CoveredText | OpenText] = []
        for texts in (self.mistake.rationales, self.mistake.feedback):
            for number, x in enumerate(texts, 1):
                place = {"number": number, "of": len(texts)}
                is_skipped = (x.text.kind, x.text.id) in skipped
                if x.text.id in self.sight.hidden:
                    cards.append(self._covered(x, place, is_skipped and x.text.id != self.repeated))
                else:
                    mark = "waits" if x.text.id in waiting else "skipped" if is_skipped else None
                    cards.append(self._open(x, place, mark))
        return cards

    def _covered(self, x: Explained, place: dict[str, int], skipped: bool) -> CoveredText:
        return CoveredText(
            uid=x.text.uid,
            **self._target(x.text.kind, x.text.id),
            **place,
            kind=_kind(x),
            text=passage(x.text.text),
            words=len(x.text.text.split()),
            markup=has_markup(x.text.text),
            mark="skipped" if skipped else None,
        )

    def _open(self, x: Explained, place: dict[str, int], mark: str | None) -> OpenText:
        smart = self.seat.queue.name == "smart" and x.text.kind == "rationale"
        overridden = x.overridden and not x.people.conflict  # a conflict puts nothing in the verdict's place
        return OpenText(
            uid=x.text.uid,
            **self._target(x.text.kind, x.text.id),
            **place,
            kind=_kind(x),
            text=passage(x.text.text, self._spans(x)),
            thought=_thought(x.text.thought),
            words=len(x.text.text.split()),
            markup=has_markup(x.text.text),
            mark="overridden" if overridden else "judged" if x.judged else mark,
            author=messages.CardTeacher(
                name=line(x.text.teacher, 60),
                place=self.part.places.get(x.text.teacher),
                person=x.text.teacher_kind == "person",
                simulated=x.text.simulated,
            ),
            repairs=self._repaired(x),
            answer=None if x.answer is None else line(self.mistake.question.show(x.answer)),
            checks=_checks(x, self.mistake),
            limit=x.checks.limit or None,
            reviews=[self._review(v, x) for v in x.text.votes],
            committee=messages.CardCommittee(
                verdict=x.committee.verdict,
                mean=None if x.committee.mean is None else round(float(x.committee.mean), 4),
                why=x.committee.why,
            ),
            people=self._people(x.text.kind, x.text.id),
            verdict=x.verdict,
            overridden=overridden,
            conflict=x.people.conflict,
            why_here=suspicion(self.mistake, x).words if smart else None,
        )

    def _repaired(self, x: Explained) -> messages.Repaired | None:
        if x.text.repairs_id is None:
            return None
        of = self.mistake.original(x.text)
        return messages.Repaired(uid=of and of.uid, author="another" if of is None else line(of.teacher, 60))

    def _review(self, vote: Vote, x: Explained) -> messages.CardReview:
        return messages.CardReview(
            reviewer=messages.CardTeacher(name=line(vote.reviewer, 60), place=self.part.places.get(vote.reviewer)),
            score=vote.score,
            status=line(vote.status, 60),
            raw=line(vote.raw, 40) if vote.raw else None,
            counts=vote in counted(x.text.votes),
            names_step=first_wrong(x.text.text, vote.text) is not None,
            text=passage(vote.text) if vote.text else None,
            thought=_thought(vote.thought),
        )

    def _spans(self, x: Explained) -> list[Span]:
        """What is marked in a text: by the checks, by reviewers, by people whose word on it may be known."""
        spans = [Span(e.start, e.end, "false_equation", "false equation") for e in x.checks.equations if not e.true]
        wrong_steps = ((first_wrong(x.text.text, v.text), line(v.reviewer, 30)) for v in x.text.votes)
        spans += [Span(*span, "named_step", f"{who} calls this step wrong") for span, who in wrong_steps if span]
        rows = self.sight.visible(self.rows(x.text.kind, x.text.id))
        standing = {j.id for j in heard((row.judged for row in rows), VERDICT)}
        return spans + [
            Span(start, end, "marked_step", f"{line(row.judged.person, 30)} marked this as the false step")
            for row in rows
            if row.judged.id in standing
            for start, end in row.marks
        ]

    def explained(self, deal: Deal) -> CardWord | None:
        """What the adjudicator said of a practice text, once this person has decided."""
        x = next((x for x in self.mistake.texts if x.text.id == deal.text), None)
        if deal.kind != PRACTICE or x is None or x.text.id in self.sight.hidden:
            return None
        answer = self._own_word(self.rows(x.text.kind, x.text.id))
        row = last_words(self.part.judgements).get((x.text.kind, x.text.id))
        return None if answer is None or row is None else word(row)


def version_of(sight: Sight, rows: Sequence[JudgementRow]) -> str:
    """Return the latest judgement that the person sees, as it goes to the browser: "own:" or "all:", and its uid."""
    row = blinding.latest(rows, sight.person if sight.own_alone else None)
    return f"{'own' if sight.own_alone else 'all'}:{row.uid if row else ''}"


def _thought(thought: str | None) -> messages.Passage | None:
    return passage(thought) if thought else None


def _kind(x: Explained) -> TextKind:
    return "feedback" if x.text.kind == "feedback" else "rationale"


def _checks(x: Explained, mistake: Mistake) -> list[messages.CardCheck]:
    """What the checks found, each in words."""
    equations, states = x.checks.equations, x.states
    true = sum(e.true for e in equations)
    if isinstance(x.checks, FeedbackChecks):
        answer = STATES_GOLD[states.matches_gold]
    else:
        read = "can’t be read" if x.answer is None else line(mistake.question.show(x.answer), 60)
        relation = {State.HOLDS: "=", State.FAILS: "≠"}.get(states.matches_gold)
        answer = f"answer {read}" + (f" {relation} gold {line(mistake.shown_gold, 60)}" if relation else "")
    words = f"{true} of {len(equations)} equations true" if equations else "no equation to check"
    checks = [
        messages.CardCheck(name="matches_gold", state=states.matches_gold.value, words=answer),
        messages.CardCheck(name="equations_true", state=states.equations_true.value, words=words),
    ]
    if x.text.kind == "rationale":
        work = "shows no work" if states.shows_work is State.FAILS else "shows work"
        checks.append(messages.CardCheck(name="shows_work", state=states.shows_work.value, words=work))
    return checks
