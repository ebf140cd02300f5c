"""A lineage as boxes: exam, snapshot, student, each with the link to its page.

    exam over train, 22 mistakes  ->  snapshot 3fa2c1e0, 18 pairs  ->  smollm2-9c1e04  ->  exam over dev, 44.0 % right

They are HTML, no chart: each has links, and they stand under each other where the page is narrow.
"""

import html
from collections.abc import Iterable, Sequence

import streamlit as st

from mapd import lineage
from mapd.domain import ExamInfo
from mapd.lineage import Descent, SnapshotLineage, TaughtStudent
from mapd.results import Score
from mapd.ui.kit import context, tables, text
from mapd.ui.kit.tables import Cell

# Students, and exams of each, that are drawn; the command lists all.
MOST_STUDENTS, MOST_EXAMS = 6, 3


def draw_snapshot(sha256: str) -> None:
    """Draw where a snapshot comes from, and below what came of it, a row a student."""
    ancestry = context.read(lineage.follow, sha256)
    boxes = [box for descent in ancestry.descents for box in (*list_source_boxes(descent), _student_box(descent))]
    draw_row([*boxes, *_list_own_boxes(ancestry)])
    if not ancestry.students:
        st.caption("No student was taught on it yet.")
    for student in ancestry.students[:MOST_STUDENTS]:
        draw_row([_snapshot_box(ancestry), _taught_box(student), *map(_exam_box, student.exams[:MOST_EXAMS])])
    if len(ancestry.students) > MOST_STUDENTS:
        st.caption(f"and {len(ancestry.students) - MOST_STUDENTS:,} more students: `mapd snapshots lineage` lists all")


def draw_row(boxes: Iterable[str]) -> None:
    """Draw boxes (HTML), each leading to the next."""
    st.html(f'<ol class="mapd-loop mapd-lineage">{"".join(boxes)}</ol>')


def list_source_boxes(descent: Descent) -> list[str]:
    """Return the boxes (HTML) of the exams that a student was taught from, and of their snapshot."""
    if descent.snapshot is None:
        return []
    if not descent.exams or descent.mistakes is None:
        return [draw_box("", f"snapshot {descent.snapshot[:8]}", ["not in this project"])]
    address = context.address("snapshots", exam=descent.exams[0].uid, snapshot=descent.snapshot)
    return [
        _train_box(descent.exams, descent.mistakes),
        draw_box(address, f"snapshot {descent.snapshot[:8]}", [_count(descent.pairs or 0, "pair")]),
    ]


def _train_box(exams: Sequence[ExamInfo], mistakes: int) -> str:
    title = "exam over train" if len(exams) == 1 else f"{len(exams)} exams over train"
    return draw_box(context.address("exam", exam=exams[-1].uid), title, [_count(mistakes, "mistake")])


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _list_own_boxes(ancestry: SnapshotLineage) -> list[str]:
    return [_train_box(ancestry.exams, ancestry.mistakes), _snapshot_box(ancestry)]


def _snapshot_box(ancestry: SnapshotLineage) -> str:
    address = context.address("snapshots", exam=ancestry.exams[0].uid, snapshot=ancestry.snapshot)
    return draw_box(address, f"snapshot {ancestry.snapshot[:8]}", [_count(ancestry.pairs, "pair")])


def _student_box(descent: Descent) -> str:
    return draw_box("", text.one_line(descent.student, 40), [f"round {descent.round}"], is_student=True)


def _taught_box(student: TaughtStudent) -> str:
    lines = [f"round {student.round}", *(() if student.exams else ("no finished exam",))]
    return draw_box("", text.one_line(student.student, 40), lines, is_student=True)


def _exam_box(exam: tuple[ExamInfo, Score]) -> str:
    info, score = exam
    right = f"<b>{score.accuracy:.1%}</b> right ({score.correct:,}/{score.n:,})"
    lines: list[Cell] = [text.one_line(info.question_set, 40), tables.Html(right)]
    if info.simulated:
        lines.append("simulated")
    return draw_box(context.address("exam", exam=info.uid), f"exam over {info.split}", lines)


def draw_box(address: str, title: str, lines: Sequence[Cell], *, is_student: bool = False) -> str:
    """Return a box (HTML) with a title, which leads to the address, and lines below."""
    name = f'<a href="{html.escape(address)}">{text.escape(title)}</a>' if address else text.escape(title)
    body = "".join(f"<span>{tables.cell_html(line)}</span>" for line in lines)
    return f'<li class="{"mapd-lineage-student" if is_student else ""}"><b>{name}</b>{body}</li>'
