"""Playground: any two students answer one question side by side, token by token; nothing of it is stored."""

from mapd.ui import playground
from mapd.ui.kit import frame, rows


def draw_page() -> None:
    """Draw what is asked of whom, the button, and the answers as they are written."""
    students = playground.choose_students()
    if students is None:
        playground.draw_empty()
        return
    question = playground.choose_question()
    decoding = playground.choose_decoding()
    playground.draw_buttons(students, question, decoding)
    playground.draw_command(students, question, decoding)
    playground.draw_answers()


frame.head("Playground", rows.STYLE)
draw_page()
