"""Committee: what the teachers wrote on an exam's mistakes, and every call."""

from mapd.ui import committee, jobs, score_matrix
from mapd.ui.kit import context, frame, start_forms
from mapd.ui.kit.cache import load_curated


def draw_page(exam_id: int) -> None:
    """Draw the committee of one exam."""
    curated = load_curated(exam_id)
    jobs.draw_active("collect", exam=curated.exam.uid)
    has_texts = any(m.texts for m in curated.mistakes)
    start_forms.draw_collect_form(curated, is_open=not has_texts)
    if has_texts:
        committee.draw_counts(curated)
        score_matrix.draw_of(curated)
        label = "Who gave whom which scores, and what each reviewer let pass"
        context.link("pages/curate/agreement.py", label, icon=":material/grid_on:")
    elif curated.exam.split != "train":
        committee.draw_held_out()
    context.link("pages/loop/teachers.py", "The project's teachers", icon=":material/school:")
    committee.draw_calls(curated.exam)
    if has_texts:
        committee.draw_score_reader()


frame.draw_exam_page("Committee", draw_page)
