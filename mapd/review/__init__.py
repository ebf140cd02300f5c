"""People at work: their queues as cards, what they decide, who has what in front of them. No page, no streamlit.

    window.load_window(session, person, exam, WindowQuery(queue="smart"))    -> the next twelve cards, in one read
    decisions.apply(session, person, exam, [Decision(...), ...])            -> an answer each: saved, stale or refused

In the order of a decision's way:

| file               | holds                                                                            |
|--------------------|----------------------------------------------------------------------------------|
| messages.py        | requests and responses, as pydantic models; cards: card_messages.py                |
| passages.py        | a text with its ranges, counted as JavaScript counts                               |
| blinding.py        | what a person may know of a mistake yet                                             |
| deals.py           | who sits at which queue, and how a card is dealt to them                            |
| cards.py           | a mistake as a person gets it to judge                                              |
| queue_cursor.py    | the next places of a queue, and their numbers                                       |
| filters.py         | what Browse's filters show, as a queue                                              |
| quality_control.py | practice, hidden checks and repeats, dealt beside the queue                         |
| leases.py          | who has which mistake in front of them                                              |
| curated_part.py    | the curated set of a few questions                                                  |
| window.py          | the next cards                                                                      |
| aims.py            | what decisions are about, locked                                                    |
| desk.py            | all that the decisions of one request rest on, read at once                         |
| decisions.py       | judgements written                                                                  |
| classes.py         | a whole class decided at once                                                       |
| history.py         | what was said, and a person's last acts                                             |
| counts.py          | how much there is to do                                                             |
| seats.py           | what is in front of a person: leases, and texts noted as seen                       |
| own_judgements.py  | all that a person said of an exam, kept from read to read                           |
"""
