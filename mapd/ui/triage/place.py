"""Where the person is: queue, mistake, text. Kept in the session, mirrored in the address.

    stop = settle(exam_id)                  # in the page
    go(Stop(exam_id, Place("disagree", mistake_uid)))   # in a callback

On arrival (a link, a reload, after a restart) and on the browser's back and forward the address decides. Between
presses the session does: a fast second press still brings along the address from before the move, and must not move
back.
"""

from dataclasses import dataclass, replace

import streamlit as st

from mapd.curation.queues import DEFAULT, QUEUES, Queue
from mapd.ui import address, current


@dataclass(frozen=True, slots=True)
class Place:
    """A queue, and by uid a mistake and a text; without a mistake it is the first that waits.

    `judge` is "first" where verdict, scores, checks and names wait for the decision, "assisted" where all is shown;
    none is the queue's own way, until `ways` says which. `draw`: in a queue by lot, which draw: each is another one.
    """

    queue: str = DEFAULT
    mistake: str | None = None
    text: str | None = None
    judge: str | None = None
    draw: int = 1

    @property
    def judge_first(self) -> bool:
        """Whether the person decides before anything is revealed."""
        return self.judge == JUDGE[0]

    def at(self, mistake: str | None, text: str | None = None) -> "Place":
        """Elsewhere in the same queue, judged the same way."""
        return replace(self, mistake=mistake, text=text)


@dataclass(frozen=True, slots=True)
class Stop:
    """A place in an exam, and what the press that led there has to say.

    `given`: the queue chose the mistake, so where somebody else has it by now the next one will do.
    `beside`: as what the text is given that doesn't come of the queue: practice, check, repeat.
    `back`: the queue's mistake that waits behind it.
    `arrived`: the address says so, which may have been loaded anew.
    """

    exam_id: int
    place: Place
    told: str | None = None
    given: bool = False
    beside: str = ""
    back: str = ""
    arrived: bool = False

    def at(self, mistake: str | None, text: str | None = None) -> "Stop":
        """Elsewhere in the same queue."""
        return Stop(self.exam_id, self.place.at(mistake, text))


JUDGE = ("first", "assisted")


def ways(stop: Stop, first: bool) -> Stop:
    """The stop with the way of judging settled, by default judged `first` or not."""
    return replace(stop, place=replace(stop.place, judge=stop.place.judge or JUDGE[not first]))


def queues() -> dict[str, Queue]:
    """Those that this person may open: what people decided is looked at again by one who has the last word."""
    owns = current.owns()
    return {name: queue for name, queue in QUEUES.items() if owns or not queue.settles}


def settle(exam_id: int) -> Stop:
    """Where this run is."""
    kept = st.session_state.setdefault(address.SETTLED, {}).get("triage")
    if kept is None or address.walked():
        asked = st.query_params
        place = Place(asked.get("queue") or DEFAULT, asked.get("mistake"), asked.get("text"), asked.get("judge"))
        draw = asked.get("draw", "1")
        if draw.isascii() and draw.isdigit() and len(draw) < 7 and int(draw):
            return Stop(exam_id, replace(place, draw=int(draw)), arrived=True)
        told = f"this address asks for draw {draw}, which can't be: a number from 1; it is the first"
        return Stop(exam_id, place, told, arrived=True)
    if kept.exam_id != exam_id:
        return Stop(exam_id, kept.place.at(None))
    return Stop(exam_id, kept.place, kept.told, kept.given, kept.beside, kept.back)


def go(stop: Stop) -> None:
    """Be there from the next run on: one write, so that a callback that is cut off loses nothing but the move."""
    st.session_state[address.SETTLED]["triage"] = stop


def mirror(stop: Stop) -> None:
    """Keep this place, and let the address say it."""
    go(stop)
    where = stop.place
    place = {"queue": where.queue, "judge": where.judge, "mistake": where.mistake, "text": where.text}
    place["draw"] = str(where.draw) if where.draw > 1 else None
    now = st.query_params.to_dict()
    wanted = {k: v for k, v in (now | place).items() if v is not None}
    if wanted != now:
        st.query_params.from_dict(wanted)
