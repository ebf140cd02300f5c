"""Every prompt as shipped. The database keeps each by its hash, so that it can be read years later.

    exam_messages("Ann has 3 pens …", Task.NUMERIC)   -> (system "You solve …", user "Ann has 3 pens … End with …")
    REVIEW.sha256   -> names this wording in every review that was asked for with it

Foreign text stands between tags (<question> … </question>), so that a teacher can tell it from the task. In substance
the prompts are the released code's; the words are ours.
"""

import hashlib
import html
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mapd.answers.grading import Task
from mapd.characters import HIDDEN
from mapd.models.base import Message
from mapd.questions.options import letter_options

ANSWER_FORM = {
    Task.NUMERIC: 'End with a line "Answer: " and the number.',
    Task.BOOLEAN: 'End with a line "Answer: " and true or false.',
    Task.CHOICE: 'End with a line "Answer: " and the letter of the right option.',
    Task.TEXT: 'End with a line "Answer: " and the answer in a few words.',
}


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A wording with {fields}; `kind` is exam, feedback, rationale or review."""

    kind: str
    system: str
    user: str

    @property
    def text(self) -> str:
        """Return the wording as one text, as the database keeps it."""
        return f"{self.system}\n\n{self.user}"

    @property
    def sha256(self) -> str:
        """Return the name of this wording."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def fill(self, **fields: str) -> tuple[Message, ...]:
        """Return the messages to send. A field's text is put in once and never read for further fields."""
        # The tags get their number before the fields are put in: tags within a foreign text stay as they are.
        wording = _TAG.sub(rf"\1\2{_number(fields.values())}>", self.user)
        return Message("system", self.system), Message("user", wording.format(**fields))


QUESTION, ANSWER, SOLUTION, GOLD = TAGS = ("question", "student_answer", "solution", "correct_answer")
_TAG = re.compile(rf"(</?)({'|'.join(TAGS)})>")
_OPENING = re.compile(rf"<{QUESTION}(-[0-9a-f]+)?>\n")
_SPACED = (re.sub("(?<=[a-z])_?(?=[a-z])", "[ _-]?", tag) for tag in TAGS)
_LOOKS_LIKE_ONE = re.compile(rf"(?:[<\[]|%3c|\\u003c|\\x3c)(?:(?![<\[])[\W_]){{0,9}}(?:{'|'.join(_SPACED)})")
_OPENS = re.compile("[<\\[&%\\\\‹〈⟨《«˂﹤❮❰⟪＜［]")


def _number(texts: Collection[str]) -> str:
    """Return what the tags around these texts carry: nothing, or a number that none of the texts holds."""
    # No text may close its own tag: where one holds something like a tag of ours, all tags carry a number.
    if not any(_LOOKS_LIKE_ONE.search(_as_it_looks(text)) for text in texts):
        return ""
    # Made from the texts, so that the same content gives the same prompt; changed until it stands in none of them.
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    while any(digest[:8] in text.casefold() for text in texts):
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return f"-{digest[:8]}"


def _as_it_looks(text: str) -> str:
    """Return a text as a reader may take it: entities read, small plain letters, nothing that can't be seen.

    Empty where nothing opens a tag.
    """
    if not _OPENS.search(text):
        return ""
    plain = html.unescape(text)
    if plain.isascii():
        return plain.lower()
    bare = _UNSEEN.sub("", unicodedata.normalize("NFKD", HIDDEN.sub("", plain)))
    return bare.lower().translate(_ALIKE)


# Accents, joiners and variation selectors: a tag with one of them still looks like a tag.
_UNSEEN = re.compile("[\u0300-\u036f\u200c\u200d\ufe00-\ufe0f]")
_ALIKE = dict.fromkeys(map(ord, "‹〈⟨《«˂﹤❮❰⟪"), "<") | str.maketrans("асеіорԛѕтυοιτ", "aceiopqstuoit")


def read(content: str) -> dict[str, str]:
    """Return the texts of a filled prompt by their tag, as a teacher finds them; empty where it asks nothing."""
    opening = _OPENING.search(content)
    number = (opening[1] or "") if opening else ""
    fields = {}
    for tag in TAGS:
        _, opening_part, after_tag = content.partition(f"<{tag}{number}>\n")
        text, closing_part, _ = after_tag.partition(f"\n</{tag}{number}>")
        if opening_part and closing_part:
            fields[tag] = text
    return fields if QUESTION in fields else {}


EXAM = PromptTemplate("exam", "You solve questions step by step.", "{question}\n{form}")

RATIONALE = PromptTemplate(
    "rationale",
    "You are a teacher who writes worked solutions that a student can learn from.",
    "Solve this question. Show each step in a short sentence, then the final answer.\n\n"
    "<question>\n{question}\n</question>\n\n{form}",
)

FEEDBACK = PromptTemplate(
    "feedback",
    "You are a teacher who explains to a student what is wrong in an answer.",
    "A student answered this question incorrectly. Point out the mistakes and how to get it right.\n\n"
    "<question>\n{question}\n</question>\n\n"
    "<student_answer>\n{answer}\n</student_answer>\n\n"
    "<correct_answer>\n{gold}\n</correct_answer>",
)

REVIEW = PromptTemplate(
    "review",
    "You review worked solutions for correctness and soundness.",
    "Review this solution step by step: is each step right, does it follow, does it arrive at the correct answer? Then "
    "give a whole number from 1 (wrong) to 5 (right and sound) in square brackets, such as [4].\n\n"
    "<question>\n{question}\n</question>\n\n"
    "<solution>\n{solution}\n</solution>\n\n"
    "<correct_answer>\n{gold}\n</correct_answer>",
)

MOST_SHOTS = 3
# Worked examples for a base model, which learns from them what an answer looks like. Our own, of no benchmark.
SHOTS: Mapping[Task, Sequence[tuple[str, str]]] = {
    Task.NUMERIC: (
        (
            "A shelf holds 4 boxes with 6 cups in each. 5 cups are broken. How many are whole?",
            "There are 4 * 6 = 24 cups. Without the broken ones there are 24 - 5 = 19.\nAnswer: 19",
        ),
        (
            "A bus leaves with 30 people. 12 get off and 7 get on. How many are on it now?",
            "After 12 get off there are 30 - 12 = 18. After 7 get on there are 18 + 7 = 25.\nAnswer: 25",
        ),
        (
            "A book of 120 pages is read at 15 pages a day. How many days does it take?",
            "Each day takes 15 pages, so it takes 120 / 15 = 8 days.\nAnswer: 8",
        ),
    ),
    Task.BOOLEAN: (
        (
            "Can a whale live in a garden pond?",
            "A whale is many metres long and lives in the sea. A garden pond is far too small.\nAnswer: false",
        ),
        (
            "Is there daylight at noon in June in Norway?",
            "In June the days in Norway are long. At noon the sun is up.\nAnswer: true",
        ),
        (
            "Would an ice cube float in water?",
            "Ice is lighter than the same volume of water. What is lighter floats.\nAnswer: true",
        ),
    ),
    Task.CHOICE: (
        (
            "Which of these is used to cut paper?\nA. spoon\nB. scissors\nC. pillow",
            "A spoon and a pillow have no blade. Scissors have two.\nAnswer: B",
        ),
        (
            "All of Ann's cats are black. Tom is Ann's cat. What follows?\nA. Tom is black\nB. Tom is old",
            "Tom is one of Ann's cats, and all of them are black, so Tom is black. Nothing is said of age.\nAnswer: A",
        ),
        (
            "What does a plant need to grow?\nA. a roof\nB. a name\nC. a song\nD. light",
            "A plant makes its food from light. It needs no roof, no name and no song.\nAnswer: D",
        ),
    ),
    Task.TEXT: (
        (
            "Ann is Tom's mother. Tom is Eve's brother. What is Ann to Eve?",
            "Tom and Eve are brother and sister. Tom's mother is Eve's mother too.\nAnswer: mother",
        ),
        (
            "What is the last letter of the word table?",
            "The letters of table are t, a, b, l, e. The last one is e.\nAnswer: e",
        ),
        (
            "Which day comes two days after Monday?",
            "The day after Monday is Tuesday, and the day after Tuesday is Wednesday.\nAnswer: Wednesday",
        ),
    ),
}

# What a student is asked in training, behind its own wrong answer: then it learns to say what went wrong.
CORRECTION = "The right answer is {gold}. What went wrong?"

SHIPPED: Sequence[PromptTemplate] = (EXAM, RATIONALE, FEEDBACK, REVIEW)


def question_block(text: str, context: str | None, options: Sequence[str]) -> str:
    """Return a question with its context before it and its lettered options behind it."""
    return "\n".join([*([context] if context else []), text, *letter_options(options)])


def exam_messages(question: str, task: Task, shots: int = 0) -> tuple[Message, ...]:
    """Return what a student is asked, behind so many worked examples. `question` comes from `question_block`."""
    system, question_turn = EXAM.fill(question=question, form=ANSWER_FORM[task])
    examples: list[Message] = []
    for example, solution in SHOTS[task][:shots]:
        examples += [EXAM.fill(question=example, form=ANSWER_FORM[task])[1], Message("assistant", solution)]
    return system, *examples, question_turn


def rationale_messages(question: str, task: Task) -> tuple[Message, ...]:
    """Return what a teacher is asked for a worked solution: no gold answer, no student's answer."""
    return RATIONALE.fill(question=question, form=ANSWER_FORM[task])


def feedback_messages(question: str, answer: str, gold: str) -> tuple[Message, ...]:
    """Return what a teacher is asked about a student's response."""
    return FEEDBACK.fill(question=question, answer=answer, gold=gold)


def review_messages(question: str, solution: str, gold: str) -> tuple[Message, ...]:
    """Return what a reviewer is asked, with the gold answer as a hint."""
    return REVIEW.fill(question=question, solution=solution, gold=gold)


def rationale_dialogue(question: str, task: Task, rationale: str, shots: int = 0) -> tuple[Message, ...]:
    """Return a training dialogue: the exam's own prompt, then a rationale as the student's answer."""
    return *exam_messages(question, task, shots), Message("assistant", rationale)


def feedback_dialogue(
    question: str, task: Task, answer: str, gold: str, feedback: str, shots: int = 0
) -> tuple[Message, ...]:
    """Return a training dialogue: the exam's own prompt, the student's wrong answer, then the feedback on it."""
    correction_turns = (Message("assistant", answer), Message("user", CORRECTION.format(gold=gold)))
    return *exam_messages(question, task, shots), *correction_turns, Message("assistant", feedback)
