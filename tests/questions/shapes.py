"""Files of thirty-two questions in the shapes in which benchmarks are published. The questions are our own.

SHAPES["svamp, its own release"]() -> Shape(name="SVAMP.json", content=b"[…]", golds=["11", …], …)
"""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyarrow import parquet

COUNT = 32
WORDS = ("oak", "granite", "trout", "moss", "raven", "copper", "willow", "basalt")


@dataclass(frozen=True)
class Shape:
    """A file, the format it is recognised as, and the gold answer of each row as people read it."""

    name: str
    content: bytes
    format: str
    golds: list[str]
    families: list[str | None] = field(default_factory=list)
    not_read: tuple[str, ...] = ()


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def in_parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def in_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def four(n: int) -> list[str]:
    """Four options that differ, other ones for each question."""
    return [f"{WORDS[(n + i) % 8]} {n}" for i in range(4)]


def shown(options: list[str], place: int) -> str:
    return f"{'ABCDE'[place]}. {options[place]}"


SHAPES: dict[str, Callable[[], Shape]] = {}


def shape(title: str) -> Callable[[Callable[[], Shape]], Callable[[], Shape]]:
    def keep(make: Callable[[], Shape]) -> Callable[[], Shape]:
        SHAPES[title] = make
        return make

    return keep


def _gsm8k(n: int) -> dict[str, Any]:
    return {
        "question": f"Ann packs {n + 2} boxes of 12 pens and then loses {n}. How many pens has she?",
        "answer": f"{n + 2} * 12 = <<{n + 2}*12={(n + 2) * 12}>>{(n + 2) * 12} pens.\n"
        f"{(n + 2) * 12} - {n} = <<...>>{(n + 2) * 12 - n} pens.\n#### {(n + 2) * 12 - n:,}",
    }


GSM8K_GOLDS = [f"{(n + 2) * 12 - n:,}" for n in range(COUNT)]


@shape("gsm8k, its own release")
def gsm8k() -> Shape:
    return Shape("train.jsonl", jsonl([_gsm8k(n) for n in range(COUNT)]), "gsm8k", GSM8K_GOLDS)


@shape("gsm8k, on the hub")
def gsm8k_hub() -> Shape:
    return Shape("train-00000-of-00001.parquet", in_parquet([_gsm8k(n) for n in range(COUNT)]), "gsm8k", GSM8K_GOLDS)


def _svamp(n: int) -> dict[str, Any]:
    return {
        "ID": f"chal-{n + 1}",
        "Body": f"Each pack of cards costs {70 + n} dollars. There is a discount of 25 dollars on each pack.",
        "Question": "How much do you have to pay to buy each pack?",
        "Equation": f"( {70 + n}.0 - 25.0 )",
        "Answer": float(45 + n),
        "Type": ("Subtraction", "Addition", "Multiplication", "Common-Division")[n % 4],
    }


SVAMP_FAMILIES = [("Subtraction", "Addition", "Multiplication", "Common-Division")[n % 4] for n in range(COUNT)]


@shape("svamp, its own release")
def svamp() -> Shape:
    content = json.dumps([_svamp(n) for n in range(COUNT)], indent=1).encode()
    return Shape("SVAMP.json", content, "svamp", [str(45 + n) for n in range(COUNT)], SVAMP_FAMILIES)


@shape("svamp, on the hub")
def svamp_hub() -> Shape:
    rows = [_svamp(n) | {"Answer": f"{45 + n}.0"} for n in range(COUNT)]
    rows = [row | {"question_concat": f"{row['Body']} {row['Question']}"} for row in rows]
    golds = [str(45 + n) for n in range(COUNT)]
    return Shape("train.parquet", in_parquet(rows), "svamp", golds, SVAMP_FAMILIES, ("question_concat",))


def _strategyqa(n: int) -> dict[str, Any]:
    return {
        "qid": f"{n:020x}",
        "term": "Raven",
        "description": "species of bird that lives in many parts of the northern half of the world, and is black",
        "question": f"Could {n + 2} ravens carry a piano over the Alps?",
        "answer": n % 3 == 0,
        "facts": [f"A raven carries {n} grams.", "A piano weighs a lot more than that."],
        "decomposition": ["How much does a piano weigh?", "Is #1 less than what ravens carry?"],
        "evidence": [[[["Raven-1"], "operation"], ["no_evidence"]]],
    }


STRATEGYQA_GOLDS = ["true" if n % 3 == 0 else "false" for n in range(COUNT)]


@shape("strategyqa, its own release")
def strategyqa() -> Shape:
    content = json.dumps([_strategyqa(n) for n in range(COUNT)]).encode()
    left_out = ("term", "description", "decomposition", "evidence")
    return Shape("strategyqa_train.json", content, "strategyqa", STRATEGYQA_GOLDS, not_read=left_out)


@shape("strategyqa, on the hub")
def strategyqa_hub() -> Shape:
    rows = [_strategyqa(n) | {"facts": f"A raven carries {n} grams."} for n in range(COUNT)]
    for row in rows:
        del row["decomposition"], row["evidence"]
    return Shape("train.parquet", in_parquet(rows), "strategyqa", STRATEGYQA_GOLDS, not_read=("term", "description"))


@shape("logiqa 1, its own release")
def logiqa() -> Shape:
    blocks, golds = [], []
    for n in range(COUNT):
        options = four(n)
        lines = ["", "abcd"[n % 4], f"Some {n} trees are tall. All tall things cast shadows.", "Which one follows?"]
        blocks.append("\n".join([*lines, *(f"{'ABCD'[i]}.{option}" for i, option in enumerate(options))]))
        golds.append(shown(options, n % 4))
    return Shape("Train.txt", ("\n".join(blocks) + "\n").encode(), "logiqa", golds)


@shape("logiqa 1, on the hub")
def logiqa_hub() -> Shape:
    rows = [
        {"context": f"Some {n} trees are tall.", "query": "Which follows?", "options": four(n), "correct_option": n % 4}
        for n in range(COUNT)
    ]
    return Shape("train.parquet", in_parquet(rows), "logiqa", [shown(four(n), n % 4) for n in range(COUNT)])


@shape("logiqa 1, another copy on the hub")
def logiqa_letters() -> Shape:
    rows = [
        {"label": "abcd"[n % 4], "context": f"Some {n} trees are tall.", "question": "Which follows?"}
        | {"options": four(n)}
        for n in range(COUNT)
    ]
    return Shape("train.jsonl", jsonl(rows), "logiqa", [shown(four(n), n % 4) for n in range(COUNT)])


@shape("logiqa 2, its own release")
def logiqa_2() -> Shape:
    rows = [
        {"id": 10000 + n, "answer": n % 4, "text": f"The {n} Arabs had manuscripts of poems. Nobody read them aloud."}
        | {"type": {"Categorical Reasoning": True, "Disjunctive Reasoning": n % 2 == 0}}
        | {"question": "Which option, if true, supports the argument?", "options": four(n)}
        for n in range(COUNT)
    ]
    kinds = ("Categorical Reasoning, Disjunctive Reasoning", "Categorical Reasoning")
    golds = [shown(four(n), n % 4) for n in range(COUNT)]
    return Shape("train.txt", jsonl(rows), "logiqa", golds, [kinds[n % 2] for n in range(COUNT)])


@shape("aqua, its own release")
def aqua() -> Shape:
    rows, golds = [], []
    for n in range(COUNT):
        options = [str(25 * n + step) for step in (125, 150, 225, 250, 275)]
        rows.append(
            {
                "question": f"A grocery sells {n + 4} bags of ice for 1.25 each and makes 20 % profit. What is it?",
                "options": [f"{'ABCDE'[i]}){option}" for i, option in enumerate(options)],
                "rationale": f"Profit per bag = 1.25 * 0.20 = 0.25\nTotal = …\nAnswer is {'ABCDE'[n % 5]}.",
                "correct": "ABCDE"[n % 5],
            }
        )
        golds.append(shown(options, n % 5))
    return Shape("dev.json", jsonl(rows), "aqua", golds)


def _choices(options: list[str], labels: str = "ABCDE") -> list[dict[str, str]]:
    return [{"label": label, "text": text} for label, text in zip(labels, options, strict=False)]


def _two_lists(options: list[str], labels: str = "ABCDE") -> dict[str, list[str]]:
    return {"label": list(labels[: len(options)]), "text": options}


def five(n: int) -> list[str]:
    return [*four(n), f"none of {n}"]


@shape("commonsenseqa, its own release")
def commonsenseqa() -> Shape:
    rows = [
        {
            "answerKey": "ABCDE"[n % 5],
            "id": f"{n:032x}",
            "question": {
                "question_concept": f"rock {n}",
                "choices": _choices(five(n)),
                "stem": f"Where does thing {n} live?",
            },
        }
        for n in range(COUNT)
    ]
    golds = [shown(five(n), n % 5) for n in range(COUNT)]
    left_out = ("question.question_concept",)
    return Shape("train_rand_split.jsonl", jsonl(rows), "commonsenseqa", golds, not_read=left_out)


@shape("commonsenseqa, on the hub")
def commonsenseqa_hub() -> Shape:
    rows = [
        {"id": f"{n:032x}", "question": f"Where does thing {n} live?", "question_concept": f"rock {n}"}
        | {"choices": _two_lists(five(n)), "answerKey": "ABCDE"[n % 5]}
        for n in range(COUNT)
    ]
    golds = [shown(five(n), n % 5) for n in range(COUNT)]
    return Shape("train.parquet", in_parquet(rows), "commonsenseqa", golds, not_read=("question_concept",))


def _arc(n: int) -> tuple[list[str], str]:
    """Three to five options, and their labels: letters, or digits in every third question."""
    return five(n)[: 3 + n % 3], "12345" if n % 3 == 0 else "ABCDE"


@shape("arc, its own release")
def arc() -> Shape:
    rows, golds = [], []
    for n in range(COUNT):
        options, labels = _arc(n)
        stem = {"stem": f"Which thing is rock {n}?", "choices": _choices(options, labels)}
        rows.append({"id": f"Mercury_SC_{n}", "question": stem, "answerKey": labels[n % 3]})
        golds.append(shown(options, n % 3))
    return Shape("ARC-Challenge-Train.jsonl", jsonl(rows), "arc", golds)


@shape("arc, on the hub")
def arc_hub() -> Shape:
    rows, golds = [], []
    for n in range(COUNT):
        options, labels = _arc(n)
        choices = {"text": options, "label": list(labels[: len(options)])}
        rows.append({"id": f"ACT_{n}", "question": f"Rock {n}?", "choices": choices, "answerKey": labels[n % 3]})
        golds.append(shown(options, n % 3))
    return Shape("train.parquet", in_parquet(rows), "arc", golds)


@shape("openbookqa, its own release")
def openbookqa() -> Shape:
    rows = [
        {
            "id": f"7-{n}",
            "question": {"stem": f"The sun {n} is", "choices": _choices(four(n))},
            "answerKey": "ABCD"[n % 4],
        }
        for n in range(COUNT)
    ]
    return Shape("train.jsonl", jsonl(rows), "openbookqa", [shown(four(n), n % 4) for n in range(COUNT)])


@shape("openbookqa, additional")
def openbookqa_additional() -> Shape:
    rows = [
        {"id": f"7-{n}", "question": {"stem": f"The sun {n} is", "choices": _choices(four(n))}, "fact1": f"fact {n}"}
        | {"humanScore": "1.00", "clarity": "2.00", "turkIdAnonymized": "b356d338b7", "answerKey": "ABCD"[n % 4]}
        for n in range(COUNT)
    ]
    left_out = ("humanScore", "clarity", "turkIdAnonymized")
    golds = [shown(four(n), n % 4) for n in range(COUNT)]
    return Shape("train_complete.jsonl", jsonl(rows), "openbookqa", golds, not_read=left_out)


@shape("openbookqa, on the hub")
def openbookqa_hub() -> Shape:
    rows = [
        {"id": f"7-{n}", "question_stem": f"The sun {n} is", "choices": _two_lists(four(n)), "answerKey": "ABCD"[n % 4]}
        for n in range(COUNT)
    ]
    return Shape("train.parquet", in_parquet(rows), "openbookqa", [shown(four(n), n % 4) for n in range(COUNT)])


@shape("mmlu, its own release")
def mmlu() -> Shape:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([f"Which, {n}, is a rock?", *four(n), "ABCD"[n % 4]] for n in range(COUNT))
    golds = [shown(four(n), n % 4) for n in range(COUNT)]
    return Shape("college_geology_test.csv", out.getvalue().encode(), "mmlu", golds, ["college_geology"] * COUNT)


@shape("mmlu, on the hub")
def mmlu_hub() -> Shape:
    rows = [
        {"question": f"Which, {n}, is a rock?", "subject": "college_geology", "choices": four(n), "answer": n % 4}
        for n in range(COUNT)
    ]
    golds = [shown(four(n), n % 4) for n in range(COUNT)]
    return Shape("test.parquet", in_parquet(rows), "mmlu", golds, ["college_geology"] * COUNT)


def _math(n: int) -> tuple[str, str]:
    """An answer as it is boxed, and as it is kept."""
    return (
        (rf"{n}", str(n)),
        (rf"\frac{{{n}}}{{{n + 1}}}", rf"\frac{{{n}}}{{{n + 1}}}"),
        (rf"{n}\sqrt{{2}}", rf"{n}\sqrt{{2}}"),
        (rf"{n + 1},\!000", f"{n + 1},000"),
    )[n % 4]


@shape("math, its own release")
def math() -> Shape:
    rows = [
        {"problem": f"What is the value of $x_{{{n}}}$?", "level": f"Level {n % 5 + 1}", "type": "Algebra"}
        | {"solution": rf"First $\boxed{{}}$ nothing. So $x = {_math(n)[0]}$: the answer is $\boxed{{{_math(n)[0]}}}$."}
        for n in range(COUNT)
    ]
    golds = [_math(n)[1] for n in range(COUNT)]
    return Shape("algebra.json", json.dumps(rows).encode(), "math", golds, ["Algebra"] * COUNT, ("level",))


@shape("math-500, on the hub")
def math_500() -> Shape:
    rows = [
        {"problem": f"What is the value of $x_{{{n}}}$?", "solution": rf"So it is $\boxed{{{_math(n)[0]}}}$."}
        | {"answer": _math(n)[0], "subject": "Algebra", "level": n % 5 + 1, "unique_id": f"test/algebra/{n}.json"}
        for n in range(COUNT)
    ]
    golds = [_math(n)[1] for n in range(COUNT)]
    return Shape("test.jsonl", jsonl(rows), "math", golds, ["Algebra"] * COUNT, ("level",))


@shape("plain")
def plain() -> Shape:
    rows = [
        {"question": f"Ann has {n} pens and gets 4. How many?", "answer": n + 4, "id": f"pens-{n}", "family": "pens"}
        for n in range(COUNT)
    ]
    return Shape("pens.jsonl", jsonl(rows), "plain", [str(n + 4) for n in range(COUNT)], ["pens"] * COUNT)
