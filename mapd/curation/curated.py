"""The curated set of one exam: every mistake with its explanations, decided. Pure: material + judgements + policy in.

curated = curate(exam_material.material(session, 1), judgement_log.judgements(session, 1), PAPER)
summary(curated).accepted          -> 826 on the authors' SVAMP file
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from mapd import adaptive, policies
from mapd.answers.grading import Outcome
from mapd.checks import CheckRecord, FeedbackChecks, RationaleChecks, check_rationale
from mapd.curation.decided_texts import CommitteeRules, DecidedText, filter_votes, measure_leniency
from mapd.curation.feedback_inputs import FeedbackReading, list_feedback_inputs, read_feedback
from mapd.curation.inputs import QuestionReadings, RationaleReading, Voices, list_inputs
from mapd.curation.order_fits import OrderFit, choose_order_fit
from mapd.domain import Act, ExamInfo, Item, Judged, JudgementRow, Material, Response, Text, Verdict, Vote
from mapd.judgements import (
    READING,
    VERDICT,
    apply_correction,
    correct_attempts,
    final_verdict,
    find_founding,
    is_repair_undone,
    pick_latest,
    ruling,
)
from mapd.own_answers import read_states
from mapd.policies import Policy


@dataclass(frozen=True, slots=True)
class Mistake:
    """An attempt that isn't correct, after people's corrections, with its question's explanations."""

    question: Item
    attempt: Response
    gold: str  # as corrected by people
    answer: str | None
    rationales: tuple[DecidedText, ...]
    feedback: tuple[DecidedText, ...]
    disputed: bool  # people differ on the question or on the attempt
    # Of all rationales of the question, whatever the set is narrowed to: each is decided beside the others.
    readings: QuestionReadings = field(repr=False, compare=False)
    order_fit: OrderFit = field(repr=False)  # what says which rationales are most likely decided wrongly
    undone_repairs: tuple[Text, ...] = ()  # repairs that were undone: kept for the history alone

    @property
    def shown_gold(self) -> str:
        """Return the gold answer as people and models read it: a choice with its text."""
        return self.question.show(self.gold)

    def show(self, answer: str | None) -> str | None:
        """Return an answer to its question as `shown_gold` is; None where there is none."""
        return None if answer is None else self.question.show(answer)

    @property
    def texts(self) -> tuple[DecidedText, ...]:
        """Return the rationales, then the feedback."""
        return self.rationales + self.feedback

    def change_texts(self, change: "Callable[[tuple[DecidedText, ...]], Iterable[DecidedText]]") -> "Mistake":
        """Return the mistake with what `change` makes of its rationales, and of its feedback."""
        return replace(self, rationales=tuple(change(self.rationales)), feedback=tuple(change(self.feedback)))

    def original(self, text: Text) -> Text | None:
        """Return the text that this one repairs; it may have been taken back since."""
        written = (*(x.text for x in self.texts), *self.undone_repairs)
        return next((candidate for candidate in written if candidate.id == text.repairs_id), None)

    def first_author(self, text: Text) -> str:
        """Return who wrote the text that was repaired first; of a text that is no repair its own author."""
        original = self.original(text)
        return text.teacher if original is None else self.first_author(original)

    @property
    def covered(self) -> bool:
        """Return whether at least one rationale is accepted."""
        return any(x.verdict is Verdict.ACCEPTED for x in self.rationales)

    @property
    def feedback_stands(self) -> bool:
        """Return whether at least one feedback stands."""
        return any(x.verdict is Verdict.ACCEPTED for x in self.feedback)

    @property
    def may_be_correct(self) -> bool:
        """Return whether our own reading of the response says that it is correct."""
        return self.attempt.our_outcome == Outcome.CORRECT


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What of a curated set is taken: texts by these teachers, questions of these tasks and families; none: all."""

    teachers: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Curated:
    """The live curated set of one exam under one policy."""

    exam: ExamInfo
    policy: Policy
    teachers: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    corrected: tuple[Response, ...]  # attempts that people found to be no mistakes
    excluded: tuple[Response, ...]  # mistakes on questions that people excluded
    judgements: tuple[JudgementRow, ...]
    places: Mapping[str, int | None] = field(default_factory=dict)  # by name, each teacher's among the project's
    narrowing: Narrowing = Narrowing()

    @property
    def rationales(self) -> Iterator[DecidedText]:
        """Return every rationale of the mistakes, each once: attempts at one question share its rationales."""
        return iter({x.text.id: x for m in self.mistakes for x in m.rationales}.values())

    @property
    def texts(self) -> tuple[DecidedText, ...]:
        """Return every text of the mistakes, each once: the rationales, then the feedback."""
        return (*self.rationales, *(x for m in self.mistakes for x in m.feedback))

    @property
    def has_gold(self) -> bool:
        """Return whether any mistake's question has a gold answer to compare with."""
        return any(m.gold.strip() for m in self.mistakes)

    @property
    def has_votes(self) -> bool:
        """Return whether any rationale has a valid vote."""
        return any(x.committee.valid_votes for x in self.rationales)


def curate(
    material: Material,
    judgements: Sequence[JudgementRow],
    policy: Policy,
    exam: ExamInfo | None = None,
    rules: CommitteeRules | None = None,
    order_fit: OrderFit | None = None,
) -> Curated:
    """Decide every explanation of every mistake of the exam. `exam`: its row as it is now, where material is older.

    `rules`: the policy's, with the leniency of the whole exam, where the material is but a part of it. `order_fit`:
    else the policy's.
    """
    judged_of: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    for row in judgements:
        judged_of[row.target, row.target_id].append(row.judged)
    committee_then = {row.judged.id: row.committee for row in judgements}
    undone = {x.id: x for x in material.texts if x.repairs_id and is_repair_undone(judged_of.get((x.kind, x.id), []))}
    rationales, feedback = _group_by_target(x for x in material.texts if x.id not in undone)
    undone_rationales, undone_feedback = _group_by_target(undone.values())
    # Measured over the whole exam: a text's own few votes would say nothing of a reviewer.
    rules = rules or CommitteeRules(policy, measure_leniency(x.votes for x in material.texts))
    mistakes, corrected, excluded, exam = [], [], [], exam or material.exam
    answers = correct_attempts(material.questions, material.attempts, judged_of, exam.wrong_in)
    for attempt in material.attempts:
        question, gold = material.questions[attempt.question_id], answers.golds[attempt.question_id]
        of_question, of_attempt = answers.of_question[question.id], answers.of_attempt[attempt.id]
        if attempt.id not in answers.mistakes:
            if attempt.id not in answers.wrong and attempt.outcome != Outcome.CORRECT:
                corrected.append(attempt)
            continue
        # A rejected question is no good question: nothing is taught by it.
        if of_question.decision is Act.REJECT:
            excluded.append(attempt)
            continue
        texts_of = (*rationales[question.id], *feedback[attempt.id])
        records = {x.id: r for x in texts_of if (r := material.checks.get(x.id)) and r.gold == gold}
        readings = {x.id: _read_rationale(x, question, gold, judged_of, records) for x in rationales[question.id]}
        by_teachers = QuestionReadings(question, readings.values())
        explain = _Explainer(question, attempt, gold, rules, judged_of, committee_then, readings, records, by_teachers)
        mistakes.append(
            Mistake(
                question=question,
                attempt=attempt,
                gold=gold,
                answer=apply_correction(attempt.answer, of_attempt),
                rationales=tuple(explain(x) for x in rationales[question.id]),
                feedback=tuple(explain(x) for x in feedback[attempt.id]),
                disputed=of_question.conflict or of_attempt.conflict,
                readings=by_teachers,
                order_fit=order_fit or choose_order_fit(policy),
                undone_repairs=(*undone_rationales[question.id], *undone_feedback[attempt.id]),
            )
        )
    lists = (tuple(mistakes), tuple(corrected), tuple(excluded), tuple(judgements))
    return Curated(exam, policy, material.teachers, *lists, material.places)


def _group_by_target(texts: Iterable[Text]) -> tuple[Mapping[int, list[Text]], Mapping[int, list[Text]]]:
    rationales: dict[int, list[Text]] = defaultdict(list)
    feedback: dict[int, list[Text]] = defaultdict(list)
    for text in texts:
        if text.attempt_id is None:
            rationales[text.question_id].append(text)
        else:
            feedback[text.attempt_id].append(text)
    return rationales, feedback


@dataclass(frozen=True)
class _Explainer:
    """Decides the explanations of one mistake."""

    question: Item
    attempt: Response
    gold: str
    rules: CommitteeRules
    judgements: Mapping[tuple[str, int], list[Judged]]
    committee_then: Mapping[int, str | None]
    readings: Mapping[int, RationaleReading]  # of the mistake's rationales, by id
    records: Mapping[int, CheckRecord]
    by_teachers: QuestionReadings  # as a fit looks at them, each beside the others

    def _find_probability(self, text: Text) -> Fraction | None:
        fit = self.rules.policy.fit
        # A repair is a person's text: it has no votes to tell by.
        if fit is None or text.repairs_id is not None:
            return None
        voices = Voices(fit.reviewers, fit.authors)
        return fit.probability(list_inputs(self.readings[text.id], self.by_teachers, voices))

    def _find_feedback_probability(self, x: FeedbackReading) -> Fraction | None:
        fit = self.rules.policy.fit and self.rules.policy.fit.feedback
        if fit is None or x.text.repairs_id is not None:
            return None
        return fit.probability(list_feedback_inputs(x, Voices(fit.reviewers, fit.authors)))

    def __call__(self, text: Text) -> DecidedText:
        judged = self.judgements.get((text.kind, text.id), [])
        checks: RationaleChecks | FeedbackChecks
        votes: Sequence[Vote]
        answer = None
        if text.kind == "rationale":
            reading = self.readings[text.id]
            votes, checks, answer, states = reading.votes, reading.checks, reading.answer, reading.states
            probability = self._find_probability(text)
        else:
            votes, record = filter_votes(text.votes), self.records.get(text.id)
            feedback = read_feedback(text, votes, self.attempt.text, self.gold, self.question, record)
            checks, states = feedback.checks, feedback.states
            probability = self._find_feedback_probability(feedback)
        people = outranking = ruling(judged, VERDICT)
        not_needed: tuple[str, ...] = ()
        tally = self.rules.tally(text, votes, states, probability)
        committee = tally.committee
        # A repair's author accepted it by making it: that judgement doesn't outrank the checks, a later one does.
        if text.repairs_id is not None:
            founding = find_founding(judged)
            outranking = ruling([j for j in judged if j not in founding], VERDICT)
        elif text.kind == "rationale" and text.to_ask:
            settled = adaptive.find_settled(self.rules.policy, votes, len(text.to_ask), states)
            if settled is not None:
                committee, not_needed = adaptive.say_not_needed(settled, text.to_ask), text.to_ask
        verdict = final_verdict(committee.verdict, outranking)
        # Where people decided, or differ, the threshold has no say: the cut lies below or above all thresholds.
        by_people = outranking.decision is not None or outranking.conflict
        cut = (policies.ALWAYS if verdict is Verdict.ACCEPTED else policies.NEVER) if by_people else committee.cut
        latest = pick_latest(judged, VERDICT)[-1:] if judged else []
        return DecidedText(
            text=text,
            checks=checks,
            states=states,
            committee=committee,
            people=people,
            verdict=verdict,
            answer=answer,
            cut=cut,
            fair_mean=tally.fair_mean,
            committee_then=self.committee_then[latest[0].id] if latest else None,
            spread=tally.spread,
            record=self.records.get(text.id),
            not_needed=not_needed,
        )


def _read_rationale(
    text: Text,
    question: Item,
    gold: str,
    judgements: Mapping[tuple[str, int], list[Judged]],
    records: Mapping[int, CheckRecord],
) -> RationaleReading:
    record = records.get(text.id)
    checks = record.checks if record else check_rationale(text.text, gold, question.task, question.options)
    assert isinstance(checks, RationaleChecks)
    reading = ruling(judgements.get((text.kind, text.id), []), READING)
    answer, states = read_states(checks, gold, question.task, question.options, reading)
    return RationaleReading(text, tuple(filter_votes(text.votes)), checks, answer, states)


def drop_repairs(curated: Curated) -> Curated:
    """Return the set without people's texts: what is compared as peer-reviewed holds the teachers' texts alone."""
    mistakes = (m.change_texts(lambda texts: (x for x in texts if x.text.repairs_id is None)) for m in curated.mistakes)
    return replace(curated, mistakes=tuple(mistakes))


def decide_at(mistake: Mistake, threshold: int) -> Mistake:
    """Return the mistake as the same policy decides it at another threshold, in hundredths."""

    def decide_text(x: DecidedText) -> DecidedText:
        return x.committee_at(Verdict.ACCEPTED if x.committee_cut > threshold else Verdict.REJECTED)

    return mistake.change_texts(lambda texts: map(decide_text, texts))
