"""A mistake as a person gets it to judge: a `Card`, which holds what they may know of it and nothing else. Pure.

    card(part, mistake, Seat(ann, QUEUES["smart"], judge_first=False, threshold=300), Deal("c1f0…", number=1, all=12))

What is foreign goes as text with ranges (passages.py); names and values go as one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mapd.alignment import align
from mapd.answers.limits import name_limit
from mapd.checks import FeedbackChecks, State, list_equations
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.curation.text_verdicts import PRACTICE
from mapd.domain import Act, JudgementRow, Vote
from mapd.judgements import ANYTHING, VERDICT, pick_latest
from mapd.review import blinding, card_messages
from mapd.review.annotators import REPEAT, find_adjudications
from mapd.review.blinding import VisibleMistake
from mapd.review.card_messages import Card, CardWord, CoveredText, OpenText, OwnWord, TextKind
from mapd.review.deals import HIDDEN_KINDS, Deal, Seat, decides_last, filter_rows, is_answered, list_waiting, word
from mapd.review.disputed_steps import find_first_wrong_step
from mapd.review.passages import TextSpan, has_markup, line, passage
from mapd.review.priority import explain_error
from mapd.review.queues import QueuedMistake, find_closed_targets, find_most_doubtful

STATES_GOLD = {
    State.HOLDS: "states the gold",
    State.FAILS: "doesn’t state the gold",
    State.NOTHING: "gold: nothing to check",
}
KINDS: tuple[TextKind, TextKind] = ("rationale", "feedback")


def card(part: Curated, mistake: Mistake, seat: Seat, deal: Deal) -> Card:
    """Return the mistake as this person gets it."""
    is_asked = deal.kind == REPEAT and not is_answered(part.judgements, seat.person.name, deal.text, deal.kind)
    repeated = deal.text if is_asked else None
    sight = blinding.blind(part, mistake, seat.person.name, seat.queue, judge_first=seat.judge_first, repeated=repeated)
    entry = seat.entry(part, mistake)
    waiting = _list_open(part, sight, entry, deal)
    enter = _choose_first(sight, entry, seat, deal, waiting)
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
        waits=bool(waiting) or (entry is not None and seat.queue.of_attempt and not entry.is_settled),
        about="attempt" if seat.queue.of_attempt else "texts",
        beside="practice" if deal.kind == PRACTICE else None,
        blind=sight.blind,
        enter=enter.text.uid if enter else None,
        open=[x.text.uid for x in waiting],
        rest={kind: [x.text.uid for x in parts.waiting(kind)] for kind in KINDS},
        question=parts.question(),
        attempt=parts.attempt(),
        texts=parts.texts(),
        people_here=list(deal.holders),
        free=seat.queue.settles is not None or len(deal.holders) < (entry.capacity if entry else 1),
        explained=parts.explained(deal),
    )


def _list_open(part: Curated, sight: VisibleMistake, entry: QueuedMistake | None, deal: Deal) -> list[DecidedText]:
    """Return the texts that the queue is about and that wait, in the order in which to go through them."""
    skipped = find_closed_targets(part.judgements, sight.person)

    def asks(x: DecidedText) -> bool:
        return x.text.id in sight.hidden or not (x.judged or (x.text.kind, x.text.id) in skipped)

    of_deal = [x for x in sight.mistake.texts if x.text.id == deal.text and asks(x)]
    if deal.text is not None and (deal.alone or deal.kind not in HIDDEN_KINDS):
        return of_deal
    texts = {x.text.id: x for x in sight.mistake.texts}
    # A check waits among the queue's own texts, so that nothing gives it away.
    ids = dict.fromkeys(x.text.id for x in (*(entry.waiting if entry else ()), *of_deal))
    waiting = [texts[id_] for id_ in ids if id_ in texts]
    return list(blinding.shuffle(waiting, sight.person)) if sight.judge_first else waiting


def _choose_first(
    sight: VisibleMistake, entry: QueuedMistake | None, seat: Seat, deal: Deal, waiting: Sequence[DecidedText]
) -> DecidedText | None:
    """Return the text to begin with: the link's, else the queue's; judged first, in the person's own order."""
    of_link = next((x for x in sight.mistake.texts if x.text.uid == deal.enter), None)
    if of_link is not None:
        return of_link
    if waiting and (sight.judge_first or deal.text is not None):
        return waiting[0]
    of_deal = next((x for x in sight.mistake.texts if x.text.id == deal.text), None)
    doubtful = of_deal or (entry.enter if entry else find_most_doubtful(sight.mistake))
    if of_deal or not seat.judge_first or doubtful is None:
        return doubtful
    alike = entry.texts if entry else ()
    alike = alike or (sight.mistake.feedback if doubtful.text.kind == "feedback" else sight.mistake.rationales)
    return blinding.shuffle(alike, sight.person)[0]


@dataclass(frozen=True, slots=True)
class _Card:
    """A card's parts."""

    part: Curated
    full: Mistake
    seat: Seat
    sight: VisibleMistake
    repeated: int | None

    @property
    def mistake(self) -> Mistake:
        return self.sight.mistake

    def rows(self, kind: str, target: int) -> list[JudgementRow]:
        """Return all judgements on a target."""
        return filter_rows(self.part.judgements, kind, target)

    def has_decided(self) -> bool:
        """Return whether the person has decided on any of it in this queue, so that it left the queue."""
        targets = {(x.text.kind, x.text.id) for x in self.mistake.texts}
        targets |= {("attempt", self.mistake.attempt.id), ("question", self.mistake.question.id)}
        return any(
            row.judged.person == self.sight.person
            and row.queue == self.seat.queue.name
            and (row.target, row.target_id) in targets
            and row.judged.decision not in (Act.SKIP, Act.WITHDRAW)
            for row in self.part.judgements
        )

    def waiting(self, kind: str) -> tuple[DecidedText, ...]:
        return list_waiting(self.part, self.sight, kind)

    # -- question and attempt -----------------------------------------------------------------------------------------

    def question(self) -> card_messages.CardQuestion:
        """Return the question with its gold."""
        q, mistake = self.mistake.question, self.mistake
        # While a text is covered a correction isn't told: it may give the text's verdict away.
        corrected = q.gold != mistake.gold and not self.sight.blind
        return card_messages.CardQuestion(
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

    def attempt(self) -> card_messages.CardAttempt:
        """Return the student's response."""
        attempt, blind = self.mistake.attempt, self.sight.blind
        answer, ours = self.mistake.show(self.mistake.answer), self.mistake.show(attempt.our_answer)
        return card_messages.CardAttempt(
            uid=attempt.uid,
            **self._target("attempt", attempt.id),
            text=passage(attempt.text),
            thought=None if blind else _thought(attempt.thought),
            cut_off=attempt.is_cut_off,
            answer=None if answer is None else line(answer),
            outcome="no_answer" if answer is None else "incorrect",
            limit=name_limit(attempt.text) or None if answer is None else None,
            reread=not blind and self.mistake.answer != attempt.answer,
            doubt=line(ours) if ours and self.mistake.may_be_correct and not blind else None,
            people=self._people("attempt", attempt.id),
        )

    def _target(self, kind: str, target: int) -> dict[str, object]:
        rows = self.rows(kind, target)
        return {
            "seen": version_of(self.sight, rows),
            "adjudicate": decides_last(self.seat, rows),
            # Of a repeat the person's own verdict is kept back, too.
            "said": None if kind in blinding.TEXTS and target == self.repeated else self._own_word(rows),
        }

    def _own_word(self, rows: Sequence[JudgementRow]) -> OwnWord | None:
        words = [row for row in rows if row.judged.person == self.sight.person]
        about = VERDICT if words and words[0].target in blinding.TEXTS else ANYTHING
        by_id = {row.judged.id: row for row in words}
        last = next(reversed(pick_latest((row.judged for row in words), about)), None)
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
        if self.sight.blind and kind not in blinding.TEXTS:
            return []
        rows = self.sight.visible(self.rows(kind, target))
        by_id = {row.judged.id: row for row in rows}
        about = VERDICT if kind in blinding.TEXTS else ANYTHING
        return [word(by_id[j.id]) for j in pick_latest((row.judged for row in rows), about)]

    # -- texts --------------------------------------------------------------------------------------------------------

    def texts(self) -> list[CoveredText | OpenText]:
        """Return the texts in the order in which they are shown."""
        waiting = {x.text.id for kind in KINDS for x in self.waiting(kind)}
        skipped = find_closed_targets(self.part.judgements, self.sight.person)
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

    def _covered(self, x: DecidedText, place: dict[str, int], skipped: bool) -> CoveredText:
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

    def _open(self, x: DecidedText, place: dict[str, int], mark: str | None) -> OpenText:
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
            author=card_messages.CardTeacher(
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
            committee=card_messages.CardCommittee(
                verdict=x.committee.verdict,
                mean=None if x.committee.mean is None else round(float(x.committee.mean), 4),
                p=None if x.committee.probability is None else float(x.committee.probability),
                why=x.committee.why,
            ),
            people=self._people(x.text.kind, x.text.id),
            verdict=x.verdict,
            overridden=overridden,
            conflict=x.people.conflict,
            why_here=explain_error(self.mistake, x) if smart else None,
            steps=self._steps(x),
        )

    def _steps(self, x: DecidedText) -> list[card_messages.Range]:
        """Return what a feedback criticises in the attempt's text, and the first false equation that it passes over."""
        if x.text.kind != "feedback":
            return []
        alignment = align(self.mistake.attempt.text, x.text.text)
        spans = [TextSpan(*step, "criticised_step", "criticised by the feedback") for step in alignment.steps]
        if alignment.skipped is not None:
            spans.append(TextSpan(*alignment.skipped, "false_equation", "first false equation"))
        return [r for r in passage(self.mistake.attempt.text, spans).ranges if r.kind != "hidden"]

    def _repaired(self, x: DecidedText) -> card_messages.Repaired | None:
        if x.text.repairs_id is None:
            return None
        of = self.mistake.original(x.text)
        return card_messages.Repaired(uid=of and of.uid, author="another" if of is None else line(of.teacher, 60))

    def _review(self, vote: Vote, x: DecidedText) -> card_messages.CardReview:
        return card_messages.CardReview(
            reviewer=card_messages.CardTeacher(name=line(vote.reviewer, 60), place=self.part.places.get(vote.reviewer)),
            score=vote.score,
            status=line(vote.status, 60),
            raw=line(vote.raw, 40) if vote.raw else None,
            counts=vote in filter_votes(x.text.votes),
            names_step=find_first_wrong_step(x.text.text, vote.text) is not None,
            text=passage(vote.text) if vote.text else None,
            thought=_thought(vote.thought),
        )

    def _spans(self, x: DecidedText) -> list[TextSpan]:
        """Return what is marked in a text: by checks, by reviewers, by people whose judgement may be known."""
        equations = list_equations(x.text.kind, x.text.text)
        spans = [TextSpan(e.start, e.end, "false_equation", "false equation") for e in equations if not e.true]
        wrong_steps = ((find_first_wrong_step(x.text.text, v.text), line(v.reviewer, 30)) for v in x.text.votes)
        spans += [TextSpan(*span, "named_step", f"{who} calls this step wrong") for span, who in wrong_steps if span]
        spans += self._aligned_spans(x)
        rows = self.sight.visible(self.rows(x.text.kind, x.text.id))
        ids_in_force = {j.id for j in pick_latest((row.judged for row in rows), VERDICT)}
        return spans + [
            TextSpan(start, end, "marked_step", f"{line(row.judged.person, 30)} marked this as the false step")
            for row in rows
            if row.judged.id in ids_in_force
            for start, end in row.marks
        ]

    def _aligned_spans(self, x: DecidedText) -> list[TextSpan]:
        if x.text.kind != "feedback":
            return []
        return [
            TextSpan(part.start, part.end, "absent_step", "isn’t in the answer")
            if part.step is None
            else TextSpan(part.start, part.end, "criticised_step", "criticises a step of the answer")
            for part in align(self.mistake.attempt.text, x.text.text).parts
        ]

    def explained(self, deal: Deal) -> CardWord | None:
        """Return what the adjudicator said of a practice text, once this person has decided."""
        x = next((x for x in self.mistake.texts if x.text.id == deal.text), None)
        if deal.kind != PRACTICE or x is None or x.text.id in self.sight.hidden:
            return None
        answer = self._own_word(self.rows(x.text.kind, x.text.id))
        row = find_adjudications(self.part.judgements).get((x.text.kind, x.text.id))
        return None if answer is None or row is None else word(row)


def version_of(sight: VisibleMistake, rows: Sequence[JudgementRow]) -> str:
    """Return the latest judgement that the person sees, as it goes to the browser: "own:" or "all:", and its uid."""
    among = [row for row in rows if not sight.own_alone or row.judged.person == sight.person]
    # By id and not by time: an archive brings judgements with old times.
    row = max(among, key=lambda row: row.judged.id, default=None)
    return f"{'own' if sight.own_alone else 'all'}:{row.uid if row else ''}"


def _thought(thought: str | None) -> card_messages.Passage | None:
    return passage(thought) if thought else None


def _kind(x: DecidedText) -> TextKind:
    return "feedback" if x.text.kind == "feedback" else "rationale"


def _checks(x: DecidedText, mistake: Mistake) -> list[card_messages.CardCheck]:
    equations, states = list_equations(x.text.kind, x.text.text), x.states
    true = sum(e.true for e in equations)
    if isinstance(x.checks, FeedbackChecks):
        answer = STATES_GOLD[states.matches_gold]
    else:
        read = "can’t be read" if x.answer is None else line(mistake.question.show(x.answer), 60)
        relation = {State.HOLDS: "=", State.FAILS: "≠"}.get(states.matches_gold)
        answer = f"answer {read}" + (f" {relation} gold {line(mistake.shown_gold, 60)}" if relation else "")
    words = f"{true} of {len(equations)} equations true" if equations else "no equation to check"
    checks = [
        card_messages.CardCheck(name="matches_gold", state=states.matches_gold.value, words=answer),
        card_messages.CardCheck(name="equations_true", state=states.equations_true.value, words=words),
    ]
    if x.text.kind == "rationale":
        work = "shows no work" if states.shows_work is State.FAILS else "shows work"
        checks.append(card_messages.CardCheck(name="shows_work", state=states.shows_work.value, words=work))
        return checks
    of_steps = align(mistake.attempt.text, x.text.text).checks
    return checks + [card_messages.CardCheck(name=c.name, state=c.state.value, words=c.words) for c in of_steps]
