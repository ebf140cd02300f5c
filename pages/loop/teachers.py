"""Teachers: who can be asked, whether each answers, and how another one is added."""

from mapd.ui.kit import context, frame
from mapd.ui.teachers import form
from mapd.ui.teachers import page as teachers

frame.head("Teachers")
callable_teachers, other_authors = teachers.load_teachers()
form.draw_form(is_open=not callable_teachers)
teachers.draw_teachers(callable_teachers)
if callable_teachers:
    context.link("pages/loop/committee.py", "Ask them about an exam's mistakes", icon=":material/groups:")
teachers.draw_other_authors(other_authors)
