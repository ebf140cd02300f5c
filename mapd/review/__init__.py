"""People at work: their queues as cards, what they decide, who has what in front of them. No page, no streamlit.

window.load_window(session, person, exam, WindowQuery(queue="smart"))    -> the next twelve cards, in one read
decisions.apply(session, person, exam, [Decision(...), ...])            -> an answer each: saved, stale or refused
"""
