"""The card of a `datasets` folder: all that somebody needs who knows nothing of this project. Pure.

    write(source, {"default": "data/train-9b41….parquet"})     -> "---\\npretty_name: …\\n---\\n\\n# Explanations of …"

Its words stand in card.md.jinja. Names are foreign: they stand in code, where markdown does nothing.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from mapd import prompts
from mapd.characters import visible
from mapd.exchange.training.format import TrainingSource, count_preferences, count_texts
from mapd.exchange.training.parquet import OF_ROW
from mapd.store.snapshots import count_kind, list_exams

TEMPLATE = "card.md.jinja"
# As the hub words it: fewer rows than this.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
CHECKS = {
    "matches_gold": "its own final answer is the reference answer",
    "equations_true": "no equation in it is false",
    "shows_work": "it shows its work",
}
# What a pair has, by the manifest's word.
MAY_HAVE = {
    "both": "a rationale and a feedback",
    "rationale": "a rationale without feedback",
    "feedback": "a feedback without a rationale",
}
# Counts that a manifest has where they were chosen, or where there are any.
OF_CHOICES = {
    "pairs_without_feedback": "of them a rationale without feedback",
    "pairs_without_rationale": "of them a feedback without a rationale",
    "repeated_pairs": "pairs left out, for another one teaches the same",
    "in_test_splits": "mistakes left out, for their question is one that students are tested on",
    "leaking_pairs": "pairs left out, for dev or test holds their question",
    "near_duplicates": "pairs left out, for another one says nearly the same",
    "unbalanced_pairs": "pairs left out, for their task or teacher has enough",
}
MEANINGS = {
    "prompt": "the dialogue before the text, as chat: what the student was asked; for feedback its wrong answer, too",
    "completion": "the text to learn, one assistant turn",
    "chosen": "the accepted rationale, one assistant turn",
    "rejected": "the rejected one",
    "margin": "how far the accepted one's mean lies above the other's; 0 where nobody scored one of them",
    "kind": "`rationale`: a teacher's own solution; `feedback`: what a teacher says is wrong in the student's answer",
    "pair": "the rationale and the feedback of one pair have the same",
    "mistake": "the id of the student's wrong answer",
    "question": "the id of the question",
    "source_id": "the question's number in its own file",
    "task": "numeric, boolean, choice or text",
    "family": "the kind of question; null where its file doesn't say",
    "gold": "the reference answer",
    "student_answer": "what was read as the student's answer; null where none could be read",
    "uid": "the id of the text",
    "teacher": "who wrote it",
    "by_person": "whether a person wrote it, to repair a teacher's text",
    "simulated": "whether a program that plays a teacher wrote it",
    "repairs": "the id of the text that it repairs; null where it repairs none",
    "mean": "the mean of the valid scores; null where there is none",
    "scores": "each reviewer's score from 1 to 5; null where none could be read",
    "committee": "what scores and checks said: accepted, rejected or undecided",
    "decided_by": "the people whose word stands above the committee's; empty where the committee decided",
    "why": "why it was accepted, or rejected",
}


def write(source: TrainingSource, files: Mapping[str, str]) -> str:
    """Return the card. `files`: each configuration's file, by the configuration's name."""
    return render(Path(__file__).with_name(TEMPLATE), {**list_facts(source), "files": files})


def render(template: Path, facts: Mapping[str, Any], name: Callable[[object], str] | None = None) -> str:
    """Return a card of these facts. The template's filters make code of foreign names; `name`: what else does."""
    return _make_environment(template.parent, name or code).get_template(template.name).render(facts)


@lru_cache(maxsize=8)
def _make_environment(folder: Path, name: Callable[[object], str]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # A card with a gap would go out unnoticed: a missing fact is an error.
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"code": code, "plain": plain, "block": block, "number": "{:,}".format, "in_yaml": in_yaml}
    environment.filters |= {"name": name}
    return environment


def code(text: object) -> str:
    """Return a foreign text as code within a line, and within a table: markdown and HTML do nothing there."""
    line = " ".join(visible(str(text)).split()) or "–"
    runs = [len(run) for run in re.findall("`+", line)]
    # A fence is longer than any run of backticks inside; markdown takes the blanks beside it away again.
    fence, blank = "`" * (1 + max(runs, default=0)), " " * bool(runs)
    # A bar ends a table's cell, also within code.
    return f"{fence}{blank}{line}{blank}{fence}".replace("|", "\\|")


def plain(text: str) -> str:
    """Return a line of words, among which foreign ones may stand: markdown and HTML do nothing in it."""
    return re.sub(r"([\\`*_{}\[\]<>|~&#$])", r"\\\1", " ".join(visible(text).split()))


def block(text: str) -> str:
    """Return a text as a block of code."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{visible(text)}\n{fence}"


def in_yaml(text: str) -> str:
    """Return a text as YAML reads it: JSON is YAML."""
    return json.dumps(visible(text), ensure_ascii=False)


def list_facts(source: TrainingSource) -> dict[str, Any]:
    """Return what the template asks for: the manifest, and what follows from it."""
    manifest = source.manifest
    judgements = manifest["judgements"]
    counts = Counter((judgement["target"], judgement["decision"]) for judgement in judgements)
    teachers = dict(sorted(manifest["teachers"].items()))
    rows, exams = count_texts(manifest), list_exams(manifest)
    return {
        **manifest,
        "exams": exams,
        "students": sorted({exam["student"] for exam in exams}),
        "question_sets": sorted({exam["questions"] for exam in exams}),
        "rationales": count_kind(manifest, "rationale"),
        "feedback": count_kind(manifest, "feedback"),
        "sha256": source.sha256,
        "size": next((word for size, word in SIZES if rows < size), "n>1M"),
        "teachers": teachers,
        "simulated": [name for name, teacher in teachers.items() if teacher["simulated"]],
        "models": sorted({teacher["model"] for teacher in teachers.values() if teacher["model"]}),
        "columns": OF_ROW,
        "meanings": MEANINGS,
        "required": [CHECKS.get(check, check) for check in manifest["policy"]["checks"]],
        "narrowed_to": manifest.get("narrowed_to", ()),
        "tasks": manifest.get("tasks", ()),
        "families": manifest.get("families", ()),
        # A manifest leaves out what is usual: pairs with both texts.
        "may_have": [MAY_HAVE[kind] for kind in manifest["draw"].get("texts", ["both"])],
        "figures": _figures(manifest),
        "feedback_by_teacher": manifest["counts"].get("feedback_by_teacher", {}),
        "judgements": [(*key, number) for key, number in sorted(counts.items())],
        "people": len({judgement["person"] for judgement in judgements}),
        "naming_people": "`decided_by`, `teacher` of a text `by_person`, and `manifest.json`",
        "shots": source.shots,
        "exam_prompt": prompts.EXAM.text,
        "correction": prompts.CORRECTION,
        "forms": prompts.ANSWER_FORM,
        # The prompt of imported texts is empty, for nobody here knows it.
        "teacher_prompts": [text for _, text in sorted(source.origin.prompts.items()) if text],
        "questions_sources": [name for name in source.origin.questions_sources if name],
    }


def _figures(manifest: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = manifest["counts"]
    return [
        ("mistakes of the student", counts["mistakes"]),
        ("taken out by people: no mistakes, or bad questions", counts["not_mistakes"] + counts["questions_excluded"]),
        ("mistakes with an accepted rationale", counts["covered"]),
        ("rationales", counts["rationales"]),
        ("accepted", counts["accepted"]),
        ("rejected", counts["rejected"]),
        ("undecided: too few scores, or people differ", counts["undecided"]),
        ("decided by people against the committee", counts["overridden"]),
        ("accepted, and their final answer is not the reference answer", counts["accepted_wrong_answer"]),
        ("pairs", counts["pairs"]),
        *((words, counts[name]) for name, words in OF_CHOICES.items() if name in counts),
        ("preferences", count_preferences(manifest)),
    ]
