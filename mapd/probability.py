"""How probable it is that an explanation is right, by a logistic regression that was fitted before. Pure, no I/O.

    fit.probability({("score", "gpt"): 2, ("five", "gpt"): 1, ("one_agrees", ""): 1, …})    -> Fraction(9712, 10000)
    fit.feedback                                    -> None, or the FeedbackFit that the same policy has for feedback
    is_above(0.97, 70)                                                   -> True

A fit holds its own numbers, so applying it takes a sum and an exponential, and no library: what was fitted once decides
the same everywhere. An input that a text doesn't have counts 0 before it is scaled; that somebody did not vote is an
input of its own, so it is never a low score. `mapd/curation/inputs.py` says what the inputs are of a rationale,
`mapd/curation/feedback_inputs.py` of a feedback.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from mapd.characters import is_line
from mapd.errors import BadInput

# What an input is, and whose: ("score", "gpt"), ("log_length", "").
InputKey = tuple[str, str]
# In a teacher's place: all reviewers together. A fit that knows nobody by name holds for any committee.
ALL_REVIEWERS = ""
# A probability has four digits: the last bit of a machine's exponential never decides.
STEPS = 10_000
# Of each teacher (reviewer or author), and of the text; the last two see the gold answer.
TEACHER_INPUTS = ("score", "five", "low", "no_vote", "author")
TEXT_INPUTS = (
    *("one_agrees", "more_agree", "others_agree", "others_against", "peers_for", "peers_against"),
    *("readable", "equation_false", "equations_true", "shows_work", "log_length"),
)
GOLD_INPUTS = ("gold_holds", "gold_fails")
RATIONALE_KINDS = (*TEACHER_INPUTS, *TEXT_INPUTS, *GOLD_INPUTS)
# Of a feedback, beside the student's answer; the last two see the gold answer.
FEEDBACK_INPUTS = (
    *("equation_false", "equations_true", "step_exists", "step_absent", "at_first_false", "past_first_false"),
    "log_length",
)
FEEDBACK_GOLD_INPUTS = ("states_gold", "states_other")
FEEDBACK_KINDS = (*TEACHER_INPUTS, *FEEDBACK_INPUTS, *FEEDBACK_GOLD_INPUTS)
# What says which texts are right: the gold check, what people decided, or a file.
GOLD, PEOPLE, FILE = LABEL_KINDS = ("gold", "people", "file")
MOST_INPUTS, LONGEST = 2_000, 500
# Farther from 0 no number of a fit lies, and no scale nearer: so no sum comes near the end of what a float can hold.
LARGEST, SMALLEST_SCALE = 1e6, 1e-6


def _check_text(text: str) -> str:
    if not is_line(text) or len(text) > LONGEST:
        raise ValueError(f"it is no line of up to {LONGEST} characters")
    return text


Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Line = Annotated[str, AfterValidator(_check_text)]
LabelKind = Annotated[str, Field(pattern=f"^(?:{'|'.join(LABEL_KINDS)})$")]


@dataclass(frozen=True, slots=True)
class FitInput:
    """One input: what it is, whose, and what it counts: `weight` times its distance from `centre`, in `scale`s."""

    kind: Line
    teacher: Line
    weight: Number
    centre: Number
    scale: Annotated[float, Field(ge=SMALLEST_SCALE, le=LARGEST, allow_inf_nan=False)]

    @property
    def key(self) -> InputKey:
        """Return what it is, and whose."""
        return self.kind, self.teacher


def _check_kinds(inputs: tuple[FitInput, ...], kinds: tuple[str, ...]) -> tuple[FitInput, ...]:
    if unknown := [x.kind for x in inputs if x.kind not in kinds]:
        raise ValueError(f"no text has the input {unknown[0]!a}")
    return inputs


Inputs = Annotated[tuple[FitInput, ...], Field(max_length=MOST_INPUTS)]
RationaleInputs = Annotated[Inputs, AfterValidator(partial(_check_kinds, kinds=RATIONALE_KINDS))]
FeedbackInputs = Annotated[Inputs, AfterValidator(partial(_check_kinds, kinds=FEEDBACK_KINDS))]


@dataclass(frozen=True, slots=True)
class FitPoint:
    """What accepting above a probability gives, each text decided by a fit that saw nothing of its question."""

    p: Share
    precision: Share | None  # None where nothing is accepted
    recall: Share
    accepted: Count


@dataclass(frozen=True, slots=True)
class FitRecord:
    """What a fit was made from, and how good it is. All figures are cross-fitted by question."""

    # Of what is known of a fit some was dropped, and more may come: it decides nothing.
    __pydantic_config__ = ConfigDict(extra="ignore")
    labels: LabelKind
    uses_gold: bool  # the gold check is an input
    exams: tuple[Line, ...]  # by uid
    teachers: dict[Line, Line]  # the uid of each, by its name
    n: Count
    right: Count
    questions: Count
    folds: Count
    brier: Share
    brier_of_share: Share  # of saying the share of right ones of each
    at: tuple[FitPoint, ...]
    votes_with_gold: Count  # votes that were read, by whether their reviewers saw the gold answer
    votes_without_gold: Count
    left_out: dict[Line, Count]  # texts without a label, by why
    penalty: Number
    library: Line
    fitted_at: Line
    file: Line | None = None
    file_sha256: Line | None = None


@dataclass(frozen=True, slots=True)
class Regression:
    """A fitted logistic regression: P(right) of a text."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    intercept: Number
    inputs: Inputs
    # Two fits of the same numbers decide the same.
    record: FitRecord = field(compare=False)

    def probability(self, values: Mapping[InputKey, float]) -> Fraction:
        """Return the probability of these inputs, in ten-thousandths."""
        total = self.intercept
        for x in self.inputs:
            total += x.weight * (values.get(x.key, 0.0) - x.centre) / x.scale
        # The larger exponent would overflow.
        inverse = math.exp(-abs(total))
        p = 1 / (1 + inverse) if total >= 0 else inverse / (1 + inverse)
        return Fraction(round(p * STEPS), STEPS)

    def shares(self, values: Mapping[InputKey, float]) -> dict[InputKey, float]:
        """Return what each input adds to the log-odds, beside a text that is average in everything."""
        return {x.key: x.weight * (values.get(x.key, 0.0) - x.centre) / x.scale for x in self.inputs}

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Return the teachers whose scores it reads."""
        return tuple(x.teacher for x in self.inputs if x.kind == "score")

    @property
    def authors(self) -> tuple[str, ...]:
        """Return the teachers whose texts it was fitted on."""
        return tuple(x.teacher for x in self.inputs if x.kind == "author")

    @property
    def numbers(self) -> dict[str, Any]:
        """Return intercept and inputs, as JSON has them."""
        return {"intercept": self.intercept, "inputs": [asdict(x) for x in self.inputs]}

    @property
    def rule(self) -> dict[str, Any]:
        """Return all that decides, as JSON has it."""
        return self.numbers

    @property
    def digest(self) -> str:
        """Return a name of all that decides: the first 16 digits of its sha256."""
        return hashlib.sha256(json.dumps(self.rule, sort_keys=True).encode()).hexdigest()[:16]

    def rename(self, names: Mapping[str, str]) -> Self:
        """Return the fit with its teachers under the names that they have now. `names`: by uid."""
        now = {old: names[uid] for old, uid in self.record.teachers.items() if uid in names}
        if all(old == new for old, new in now.items()):
            return self
        inputs = tuple(replace(x, teacher=now.get(x.teacher, x.teacher)) for x in self.inputs)
        teachers = {now.get(old, old): uid for old, uid in self.record.teachers.items()}
        return replace(self, inputs=inputs, record=replace(self.record, teachers=teachers))

    def as_dict(self) -> dict[str, Any]:
        """Return the fit as JSON has it."""
        record = asdict(self.record) | {"exams": list(self.record.exams), "at": [asdict(x) for x in self.record.at]}
        return self.numbers | {"record": record}

    def freeze(self) -> dict[str, Any]:
        """Return as a snapshot's manifest has it what decides, and what it was fitted on."""
        record = self.record
        return self.numbers | {"labels": record.labels, "n": record.n, "uses_gold": record.uses_gold}


@dataclass(frozen=True, slots=True)
class FeedbackFit(Regression):
    """P(right) of a feedback."""

    inputs: FeedbackInputs


@dataclass(frozen=True, slots=True)
class Fit(Regression):
    """P(right) of a rationale; and of a feedback, where that has a fit of its own."""

    inputs: RationaleInputs
    feedback: FeedbackFit | None = None

    # A fit without one is written as it always was, so it keeps its digest, and a snapshot its name.
    @property
    def rule(self) -> dict[str, Any]:
        """Return all that decides, as JSON has it."""
        return self.numbers | ({} if self.feedback is None else {"feedback": self.feedback.rule})

    def rename(self, names: Mapping[str, str]) -> Self:
        """Return the fit with its teachers under the names that they have now. `names`: by uid."""
        fit, feedback = Regression.rename(self, names), self.feedback and self.feedback.rename(names)
        return fit if feedback is self.feedback else replace(fit, feedback=feedback)

    def as_dict(self) -> dict[str, Any]:
        """Return the fit as JSON has it."""
        feedback = {} if self.feedback is None else {"feedback": self.feedback.as_dict()}
        return Regression.as_dict(self) | feedback

    def freeze(self) -> dict[str, Any]:
        """Return as a snapshot's manifest has it what decides, and what it was fitted on."""
        feedback = {} if self.feedback is None else {"feedback": self.feedback.freeze()}
        return Regression.freeze(self) | feedback


@dataclass(frozen=True, slots=True)
class FrozenRegression:
    """A regression as a snapshot's manifest has it: what decided, and what it was fitted on."""

    # The rest of a manifest is read as strictly as JSON is; these are lists there, and whole numbers.
    __pydantic_config__ = ConfigDict(strict=False)
    intercept: Number
    inputs: Inputs
    labels: LabelKind
    n: Count
    uses_gold: bool


@dataclass(frozen=True, slots=True)
class FrozenFeedbackFit(FrozenRegression):
    """A feedback's fit as a snapshot's manifest has it."""

    inputs: FeedbackInputs


@dataclass(frozen=True, slots=True)
class FrozenFit(FrozenRegression):
    """A fit as a snapshot's manifest has it, with that of feedback where there is one."""

    inputs: RationaleInputs
    feedback: FrozenFeedbackFit | None = None


_FIT = TypeAdapter(Fit)


def read_fit(value: Mapping[str, Any]) -> Fit:
    """Return the fit that `as_dict` gave. Raises: BadInput where it is none."""
    try:
        return _FIT.validate_python(dict(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))[:80]
        raise BadInput(f"this is no fitted policy: {place}: {first['msg']}; fit it again") from error


def is_above(probability: float, hundredth: int) -> bool:
    """Return whether a probability is strictly above a threshold in hundredths."""
    # In whole steps: as floats 100 * 0.07 is above 7.
    return round(probability * STEPS) > hundredth * STEPS // 100


def list_points(probabilities: Sequence[float | None], is_right: Sequence[bool]) -> tuple[FitPoint, ...]:
    """Return precision and recall at each whole hundredth below 1; None is never accepted."""
    right = sum(is_right)
    points = []
    for hundredth in range(100):
        accepted = [
            label for p, label in zip(probabilities, is_right, strict=True) if p is not None and is_above(p, hundredth)
        ]
        hits = sum(accepted)
        precision = hits / len(accepted) if accepted else None
        points.append(FitPoint(hundredth / 100, precision, hits / right if right else 0.0, len(accepted)))
    return tuple(points)
