"""Simulate teachers of the demo's families: they work from the prompt's text alone, and each fails in its own way.

    rationale of "A farm has 3 cows and 2 hens. …" by slips:
    "Each cow has 4 legs: 3 * 4 = 13. Each hen has 2 legs: 2 * 2 = 4. Together, 13 + 4 = 17.\\nAnswer: 17"
    sound's review of it: “3 * 4 = 13” is false; the final answer 17 is not 16. [1]

`sound` makes no mistakes, `slips` arrives at a wrong answer, `lucky` reaches the right answer by a false step; the
latter two in `flaw_share` of their texts. A review really reads the text: it recomputes equations, compares the final
answer with the gold one, and checks statements of kinship. A step in other words isn't seen.
"""

import hashlib
import json
import random
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

from mapd import prompts
from mapd.answers.grading import answers_equal, extract_answer
from mapd.answers.numbers import parse_number
from mapd.equations import equations
from mapd.errors import BadInput
from mapd.models.base import Completion, Finish, Message, Request
from mapd.questions import generated
from mapd.questions.generated import Edge, GeneratedQuestion, Herd, Inference, Kinship, Legs, Sum


class Flaw(StrEnum):
    """How a teacher's texts fail, where they do."""

    SLIP = "slip"  # a wrong step, followed to a wrong answer
    # A false step, and the right answer all the same.
    LUCK = "luck"


@dataclass(frozen=True, slots=True)
class Profile:
    """The character of a simulated teacher; all but the flaw's kind can be set.

    `flaw_share` of its texts are flawed. In `reviewer_quality` of its reviews the score is what its reading deserves
    + `leniency` + Gaussian noise of standard deviation `noise`, rounded, 1-5; else it is drawn without a reading.
    """

    flaw: Flaw | None
    flaw_share: float
    leniency: float
    noise: float
    reviewer_quality: float
    seed: int = 0


PROFILES: Mapping[str, Profile] = {
    "sound": Profile(None, 0.0, leniency=0.0, noise=0.6, reviewer_quality=0.88),
    "slips": Profile(Flaw.SLIP, 0.6, leniency=0.0, noise=0.6, reviewer_quality=0.82),
    "lucky": Profile(Flaw.LUCK, 0.6, leniency=1.0, noise=0.7, reviewer_quality=0.8),
}
_BOUNDS = {"flaw_share": (0, 1), "leniency": (-4, 4), "noise": (0, 4), "reviewer_quality": (0, 1)}


class WrittenText(NamedTuple):
    """A text, and whether its author put a flaw into it: known to whoever measures, never to a reviewer."""

    text: str
    flawed: bool


class SimulatedTeacher:
    """A `Model` that answers the prompts of mapd/prompts.py for questions of mapd/questions/generated.py."""

    def __init__(self, name: str, profile: Profile) -> None:
        self.name = name
        self.profile = profile

    @classmethod
    def of(cls, model: str, settings: Mapping[str, Any]) -> "SimulatedTeacher":
        """Return the teacher of a profile's name, with some numbers set: {"flaw_share": 0.6, "seed": 0}.

        Raises: BadInput for an unknown profile or setting, or a value out of its bounds.
        """
        if model not in PROFILES:
            raise BadInput(f"no simulated teacher {model!r}: it is one of {', '.join(PROFILES)}")
        settable = [field.name for field in fields(Profile) if field.name != "flaw"]
        for key, value in settings.items():
            if key not in settable:
                raise BadInput(f"a simulated teacher has no setting {key!r}: it is one of {', '.join(settable)}")
            _check_value(key, value)
        profile = replace(PROFILES[model], **settings)
        if profile.flaw is None and profile.flaw_share:
            raise BadInput(
                f"{model} makes no mistakes: its flaw_share is 0, not {profile.flaw_share}; take slips or lucky"
            )
        return cls(model, profile)

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        """Answer each request as it comes; one that can't be read is refused, with the reason."""
        async for request in requests:
            yield self._answer(request)

    def rationale(self, question: GeneratedQuestion, rng: random.Random) -> WrittenText:
        """Write a worked solution that ends in its answer, flawed at the profile's share."""
        work, flawed = self._work(question, rng)
        return WrittenText(f"{work.text}\nAnswer: {work.answer}", flawed)

    def feedback(self, question: GeneratedQuestion, answer: str, gold: str, rng: random.Random) -> WrittenText:
        """Write what is wrong in a student's answer, as far as it can be read, and how to get it right."""
        complaints = _complaints(read_solution(question, answer, gold), answer, rng)
        work, flawed = self._work(question, rng)
        return WrittenText(f"{' '.join(complaints)} {work.text} The correct answer is {work.answer}.", flawed)

    def review(self, question: GeneratedQuestion, solution: str, gold: str, rng: random.Random) -> str:
        """Write a few words on a solution, and a score in square brackets."""
        if rng.random() >= self.profile.reviewer_quality:
            score = rng.choice((1, 2, 4, 5))
            return f"{'It reads well' if score > 3 else 'I am not convinced'}, at a glance. [{score}]"
        reading = read_solution(question, solution, gold)
        score = round(_deserved(reading) + self.profile.leniency + rng.gauss(0, self.profile.noise))
        return f"{_remarks(reading, gold, rng)} [{min(5, max(1, score))}]"

    def rng(self, *seeds: Any) -> random.Random:
        """Return the teacher's own draw for a request; `seeds` must be plain data."""
        material = json.dumps([self.name, self.profile.seed, seeds])
        return random.Random(hashlib.sha256(material.encode()).digest())

    def _answer(self, request: Request) -> Completion:
        prompt = _read_prompt(request.messages)
        if prompt is None:
            reason = (
                "a simulated teacher knows the prompts for a rationale, a feedback and a review; this is none of them"
            )
            return Completion(request.key, "", Finish.REFUSED, reason)
        question = generated.read(prompt.question)
        if question is None:
            reason = f"a simulated teacher can't read this question: {prompt.question[:80]!r}; ask one of a demo family"
            return Completion(request.key, "", Finish.REFUSED, reason)
        # Seeded by the request and the teacher: the same request gives the same text.
        rng = self.rng(request.messages, request.sampling.seed)
        return Completion(request.key, self._write(prompt, question, rng), Finish.OK)

    def _write(self, prompt: "_TeacherPrompt", question: GeneratedQuestion, rng: random.Random) -> str:
        if prompt.kind == prompts.SOLUTION:
            return self.review(question, prompt.text, prompt.gold, rng)
        if prompt.kind == prompts.ANSWER:
            return self.feedback(question, prompt.text, prompt.gold, rng).text
        return self.rationale(question, rng).text

    def _work(self, question: GeneratedQuestion, rng: random.Random) -> tuple["_Solution", bool]:
        flaw = self.profile.flaw if rng.random() < self.profile.flaw_share else None
        return _solve(question, flaw, rng), flaw is not None


def _check_value(key: str, value: Any) -> None:
    if key == "seed":
        if type(value) is not int:
            raise BadInput(f"a simulated teacher's seed must be a whole number, not {value!r}")
        return
    low, high = _BOUNDS[key]
    if type(value) not in (int, float) or not low <= value <= high:
        raise BadInput(f"a simulated teacher's {key} must be a number from {low} to {high}, not {value!r}")


# --- What is asked --------------------------------------------------------------------------------------------------


class _TeacherPrompt(NamedTuple):
    # The tag of the text to look at; "" for a rationale.
    kind: str
    question: str
    text: str
    gold: str


def _read_prompt(messages: Sequence[Message]) -> _TeacherPrompt | None:
    fields = prompts.read(messages[-1].content) if messages else {}
    if not fields:
        return None
    kind = next((tag for tag in (prompts.SOLUTION, prompts.ANSWER) if tag in fields), "")
    return _TeacherPrompt(
        kind, fields[prompts.QUESTION].strip(), fields.get(kind, ""), fields.get(prompts.GOLD, "").strip()
    )


# --- Solving: the steps, with or without a flaw, and the words -------------------------------------------------------


class _Solution(NamedTuple):
    text: str
    answer: str


_SLIPS = (-2, -1, 1, 2, 3)


def _solve(question: GeneratedQuestion, flaw: Flaw | None, rng: random.Random) -> _Solution:
    facts = question.facts
    if isinstance(facts, Kinship):
        return _solve_kinship(facts, flaw, rng)
    steps = _calculate(facts, flaw, rng)
    equation_texts = [f"{expression} = {right}" for expression, right in steps]
    text = (
        _say_legs(facts.herds, equation_texts, rng)
        if isinstance(facts, Legs)
        else _say_sum(facts.terms, equation_texts, rng)
    )
    return _Solution(text, str(steps[-1][1]))


_Step = tuple[str, int]  # "3 * 4", 12


def _calculate(facts: Legs | Sum, flaw: Flaw | None, rng: random.Random) -> list[_Step]:
    right = _steps(facts, {})
    last = len(right) - 1
    if flaw is None:
        return right
    at = rng.randint(0, last if flaw is Flaw.SLIP else last - 1)
    by = rng.choice([by for by in _SLIPS if right[at][1] + by >= 0])
    if flaw is Flaw.SLIP:
        # Carried on to the end, so the answer is wrong, too.
        return _steps(facts, {at: by})
    # Luck: a second false step undoes the first, or the false result is simply not used.
    if rng.random() < 0.5:
        return _steps(facts, {at: by, last: -by})
    return [(expression, result + by * (place == at)) for place, (expression, result) in enumerate(right)]


def _steps(facts: Legs | Sum, off: Mapping[int, int]) -> list[_Step]:
    """Return the calculations in order; the result of step i is wrong by `off[i]`, and used as it stands."""
    if isinstance(facts, Legs):
        each = [herd.number * herd.legs + off.get(place, 0) for place, herd in enumerate(facts.herds)]
        products = [(f"{h.number} * {h.legs}", result) for h, result in zip(facts.herds, each, strict=True)]
        return [*products, (f"{each[0]} + {each[1]}", sum(each) + off.get(2, 0))]
    steps: list[_Step] = []
    so_far, *terms = facts.terms
    for place, term in enumerate(terms):
        expression = f"{so_far} {_sign(term)} {abs(term)}"
        so_far += term + off.get(place, 0)
        steps.append((expression, so_far))
    return steps


def _sign(term: int) -> str:
    return "-" if term < 0 else "+"


def _say_legs(herds: tuple[Herd, Herd], equation_texts: list[str], rng: random.Random) -> str:
    (a, b), (first, second, total) = herds, equation_texts
    together = rng.choice(("In all", "Together", "In total"))
    have = ["has" if herd.number == 1 else "have" for herd in herds]
    return rng.choice(
        (
            f"Each {a.animal} has {a.legs} legs: {first}. Each {b.animal} has {b.legs} legs: {second}. "
            f"{together}, {total}.",
            f"{a} {have[0]} {first} legs. {b} {have[1]} {second} legs. {together}, {total} legs.",
            f"First the {a.animal} legs: {first}. Then the {b.animal} legs: {second}. Add them: {total}.",
        )
    )


def _say_sum(terms: tuple[int, ...], equation_texts: list[str], rng: random.Random) -> str:
    do = [f"{'Take away' if term < 0 else 'Add'} {abs(term)}" for term in terms[1:]]
    return rng.choice(
        (
            f"Go from left to right. {'. '.join(equation_texts)}.",
            f"First {equation_texts[0]}. Then {equation_texts[1]}.",
            f"Start with {terms[0]}. {do[0]}: {equation_texts[0]}. {do[1]}: {equation_texts[1]}.",
        )
    )


class _Rule(NamedTuple):
    """The mother of a father is a grandmother: `word` is the first of somebody's second."""

    first: str
    second: str
    word: str


_Claim = Edge | _Rule
_NEAR = (("mother", "daughter", "sister"), ("father", "son", "brother"))
_FAR = (
    ("grandmother", "granddaughter", "aunt", "niece", "cousin"),
    ("grandfather", "grandson", "uncle", "nephew", "cousin"),
)


def _solve_kinship(facts: Kinship, flaw: Flaw | None, rng: random.Random) -> _Solution:
    edges, steps = facts.edges, generated.derive(facts.edges) or ()
    if flaw is Flaw.SLIP:
        edges, steps = _misread(edges, steps, rng)
    rules = [_Rule(step.first.word, step.second.word, step.result.word) for step in steps]
    results = [step.result for step in steps]
    ways: tuple[list[_Claim], ...] = (
        [*edges, *rules],
        [*edges, *results],
        [claim for rule, result in zip(rules, results, strict=True) for claim in (rule, result)],
    )
    claims = rng.choice(ways)
    if flaw is Flaw.LUCK:
        at = rng.randrange(len(claims))
        claims[at] = claims[at]._replace(word=_other_word(claims[at], rng))
    return _Solution(_say_claims(claims, len(edges), rng), steps[-1].result.word)


def _misread(
    edges: tuple[Edge, ...], steps: tuple[Inference, ...], rng: random.Random
) -> tuple[tuple[Edge, ...], tuple[Inference, ...]]:
    """Return a way to another answer: a wrong conclusion, or one edge taken for something else."""
    last = steps[-1]
    wrong = last.result._replace(word=_other_word(last.result, rng))
    ways = [(edges, (*steps[:-1], last._replace(result=wrong)))]
    for at, edge in enumerate(edges):
        misread = (*edges[:at], edge._replace(word=_other_word(edge, rng)), *edges[at + 1 :])
        followed = generated.derive(misread)
        if followed and followed[-1].result.word != last.result.word:
            ways.append((misread, followed))
    return rng.choice(ways)


def _other_word(claim: _Claim, rng: random.Random) -> str:
    """Return another word for the claim, of the same gender and as near or far: it makes the claim false."""
    first = claim.person if isinstance(claim, Edge) else claim.first
    male = first in generated.MEN or first in _NEAR[1] or first in _FAR[1]
    group = (_NEAR if claim.word in _NEAR[male] else _FAR)[male]
    return rng.choice([word for word in group if word != claim.word])


def _say_claims(claims: Sequence[_Claim], edge_count: int, rng: random.Random) -> str:
    """Write a sentence a claim; what follows from a rule or from the `edge_count` edges says so."""
    form = rng.choice(("{0} is the {1} of {2}", "{0} is {2}'s {1}"))
    text = ""
    for place, claim in enumerate(claims):
        if isinstance(claim, _Rule):
            text += f" The {claim.first} of {_a(claim.second)} is {_a(claim.word)}."
        elif place and isinstance(claims[place - 1], _Rule):
            text = f"{text[:-1]}, so {form.format(*claim)}."
        else:
            text += f" {'So ' if place >= edge_count else ''}{form.format(*claim)}."
    return text.strip()


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


# --- Reading somebody's solution -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SolutionReading:
    """What was found in a text; `false_steps` word for word, `steps` how many could be read at all."""

    answer: str | None
    answer_right: bool
    steps: int
    false_steps: tuple[str, ...]
    # The last calculation is the answer, as far as both can be read.
    follows: bool

    @property
    def sound(self) -> bool:
        """Return whether it shows its steps, none is false, and they arrive at the right answer."""
        return self.answer_right and self.steps > 0 and not self.false_steps and self.follows


def read_solution(question: GeneratedQuestion, text: str, gold: str) -> SolutionReading:
    """Read a solution of a question: its final answer against `gold`, its equations, its statements of kinship."""
    answer = extract_answer(text, question.task)
    is_right = answer is not None and answers_equal(answer, gold, question.task)
    if isinstance(question.facts, Kinship):
        statements = _kinship_steps(question.facts, text)
        return SolutionReading(
            answer, is_right, len(statements), tuple(step for step, true in statements if not true), True
        )
    read_equations = equations(text)
    result = parse_number(re.split("[=≈]", read_equations[-1].text)[-1]) if read_equations else None
    follows = answer is None or result is None or result == parse_number(answer)
    return SolutionReading(
        answer, is_right, len(read_equations), tuple(e.text for e in read_equations if not e.true), follows
    )


_NAME = "(" + "|".join((*generated.WOMEN, *generated.MEN)) + ")"
_KIN = "(" + "|".join(generated.KIN_WORDS) + ")"
# Not "mother-in-law", not "Ben's father's son"
_END = r"\b(?![-'’]\w)"
_STATEMENT = re.compile(rf"(?<! of )\b{_NAME} is (?:also )?(?:the {_KIN} of {_NAME}|{_NAME}['’]s {_KIN}){_END}")
_SAID_RULE = re.compile(
    rf"\b[Tt]he {_KIN} of (?:an?|the|one's|some(?:one|body)'s|{_NAME}['’]s) {_KIN} is "
    rf"(?:an? |the |{_NAME}['’]s )?{_KIN}{_END}"
)


def _kinship_steps(facts: Kinship, text: str) -> list[tuple[str, bool]]:
    """Return each statement that could be read and whether it is true, statements about people first."""
    steps = []
    for match in _STATEMENT.finditer(text):
        person, word, of = match[1], match[2] or match[5], match[3] or match[4]
        steps.append((match[0], generated.relation(facts, person, of) == word))
    for match in _SAID_RULE.finditer(text):
        follows = generated.compose(match[1], match[3])
        steps.append((match[0], follows in (None, match[5])))  # what isn't certain isn't held against it
    return steps


# --- Saying what was found -------------------------------------------------------------------------------------------


def _deserved(reading: SolutionReading) -> int:
    if reading.answer is not None and not reading.answer_right:
        return 1
    if reading.answer is None or reading.false_steps or not reading.follows:
        return 2
    return 5 if reading.steps else 3


def _remarks(reading: SolutionReading, gold: str, rng: random.Random) -> str:
    if reading.sound:
        return rng.choice(
            ("Each step holds and the answer is right.", "I checked every step: all true.", "Sound work.")
        )
    remarks = [f"“{_quoted(step)}” is false" for step in reading.false_steps[:2]]
    if reading.answer is None:
        remarks.append("it states no final answer")
    elif not reading.answer_right:
        remarks.append(f"the final answer {_quoted(reading.answer)} is not {_quoted(gold)}")
    elif not reading.follows:
        remarks.append("its last step doesn't give the answer")
    if not reading.steps:
        remarks.append("it shows no steps")
    return f"{remarks[0][0].upper()}{remarks[0][1:]}{''.join('; ' + remark for remark in remarks[1:])}."


def _complaints(reading: SolutionReading, text: str, rng: random.Random) -> list[str]:
    """Return what is wrong in a student's answer, in at most three sentences."""
    if not any(character.isalnum() for character in text):
        return ["You wrote no sentence that can be read."]
    complaints = []
    if reading.answer is None:
        complaints.append(rng.choice(("You state no final answer.", "Your text doesn't come to one final answer.")))
    elif not reading.answer_right:
        wrong = _quoted(reading.answer)
        complaints.append(rng.choice((f"Your answer {wrong} is wrong.", f"You answered {wrong}, which is not right.")))
    if reading.false_steps:
        step = _quoted(reading.false_steps[0])
        complaints.append(rng.choice((f"You wrote {step}, which is false.", f"Your step {step} is a mistake.")))
    elif not reading.steps:
        complaints.append(rng.choice(("You show no steps.", "Your answer shows no work.")))
    return complaints or ["I find no mistake in your steps."]


def _quoted(text: str) -> str:
    # Short, on one line, without brackets: a score in a foreign text is not ours.
    return " ".join(re.sub(r"[^\w\s.,:+*/=≈'’-]", " ", text).split())[:60]
