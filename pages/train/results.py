"""Results: two exams on the same questions, compared: what got better, what got worse, and whether it may be luck."""

from mapd.errors import MapdError
from mapd.store import queries
from mapd.ui import jobs, results, rounds
from mapd.ui.kit import context, frame, rows, start_forms, text


def draw_page() -> None:
    """Draw the comparison that the address asks for."""
    exams = context.read(queries.exams)
    jobs.draw_active("round")
    jobs.draw_active("exam")
    start_forms.draw_exams_again(exams)
    pair = results.choose_pair(exams)
    if pair is None:
        results.draw_empty()
        return
    try:
        pair_results = results.load_comparison(*pair)
    except MapdError as error:
        text.complain(str(error))
        return
    results.draw_warning(pair_results)
    results.draw_figure(pair_results)
    results.draw_table(pair_results)
    rounds.draw_rounds(pair_results)
    results.draw_caveats(pair_results)
    results.draw_changes(pair_results)


frame.head("Results", rows.STYLE)
draw_page()
