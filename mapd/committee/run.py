"""One run of a committee: the teachers' streams send, one writer commits the replies, and both wake each other."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from mapd.committee import claiming, faults, ledger
from mapd.committee.claiming import ClaimResult, Purse, RunLimits, check_token_counts
from mapd.committee.plan import PAGE, Plan, PlannedCall, ReviewPage
from mapd.committee.streams import CommitteeProgress, Flights, RunCounts, TeacherStream
from mapd.committee.turns import ReviewTurn, Turns, find_turns
from mapd.errors import Busy, MapdError, Stopped
from mapd.models.base import Completion, Request
from mapd.store import claims, db
from mapd.store import tables as t

# New rationales that a reviewer with other work waits for before it looks: one query serves several.
TOGETHER = 8
# Replies that arrive within this time are committed together: a commit costs more than a row.
GATHER_S = 0.05
# Completions that wait for the writer at most; then the streams wait, and memory stays bounded.
GROUP = 256
# Requests of a teacher without an answer at most, however many its model would take.
WINDOW = 256
# Calls of a teacher that are claimed together. Few, because another run can't send what this one has claimed.
CHUNK = 16
POLL_S = 0.1  # between two looks at whether to stop
# From "stop" until calls in flight are given up: they are paid for, so their replies are worth a minute.
AWAIT_S = 60.0
T = TypeVar("T")


class CommitteeRun:
    """The streams and the writer of one call of `collect`."""

    def __init__(
        self,
        engine: sa.Engine,
        store: ThreadPoolExecutor,
        claimer: claims.ClaimHolder,
        plan: Plan,
        streams: Sequence[TeacherStream],
        limits: RunLimits,
        progress: Callable[[CommitteeProgress], None],
        stopping: Callable[[], bool],
    ) -> None:
        self.engine, self.store, self.claimer, self.plan, self.streams = engine, store, claimer, plan, streams
        self.limits, self.progress, self.stopping = limits, progress, stopping
        self.person = self.exam_uid = ""
        self.tally = faults.Tally()
        self.counts = RunCounts(plan.total)
        self.turns = Turns(streams, self.counts)
        self.chunk = min(CHUNK, limits.concurrency or CHUNK)
        self.flights = Flights()
        self.arrived: list[Completion] = []  # not committed yet
        # Grows with each rationale that was written, so that a reviewer knows whether to look again.
        self.news = 0
        self.arrival, self.changed = asyncio.Event(), asyncio.Event()
        self.listening, self.stopped, self.at_budget = True, False, False
        self.fault: Exception | None = None

    async def run_to_end(self) -> None:
        """Send every call that is missing and write every reply.

        Raises: what went wrong first, or Stopped, when all that came is written.
        """
        listeners = [asyncio.create_task(self._receive(stream)) for stream in self.streams]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                helpers = [group.create_task(self._watch()), group.create_task(self._look_elsewhere())]
                await self._wait_for_streams(listeners)
                for task in helpers:
                    task.cancel()
                self.listening = False
                self.arrival.set()
        finally:
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)
            # An error, or a stop, loses no reply: those that came before it are written.
            await self._commit()
        if self.fault is not None:
            raise self.fault
        if not self.stopped and any(stream.stopped for stream in self.streams):
            # The calls of a stopped teacher, and reviews of texts that it didn't write, will never be made.
            self.counts.total = self.counts.settled
            self._report()
        if self.stopped and not self.at_budget and self.counts.settled < self.counts.total:
            raise Stopped(self.counts.settled, self.counts.total, self.counts.in_flight)

    async def _watch(self) -> None:
        reported = self.counts.in_flight
        while not self.stopping():
            await asyncio.sleep(POLL_S)
            # Who presses "stop" reads from this report what is in flight.
            if self.counts.in_flight != reported:
                reported = self.counts.in_flight
                self._report()
        self._stop()

    def _stop(self, fault: Exception | None = None) -> None:
        # The first fault is the cause; those that follow come of it.
        self.stopped, self.fault = True, self.fault or fault
        self._wake()

    async def _wait_for_streams(self, listeners: Sequence[asyncio.Task[None]]) -> None:
        """Wait for all streams; the first one that breaks stops the others. Once stopped, wait for AWAIT_S at most."""
        waiting, deadline = set(listeners), None
        while waiting and (deadline is None or time.monotonic() < deadline):
            ended, waiting = await asyncio.wait(waiting, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
            for listener in ended:
                error = listener.exception()  # of any type: a model may raise anything
                if error is not None:
                    self._stop(faults.describe_break(error, self.streams[listeners.index(listener)].teacher.name))
            if self.stopped and deadline is None:
                deadline = time.monotonic() + AWAIT_S

    # --- From the plan to the models ----------------------------------------------------------------------------------

    async def _receive(self, stream: TeacherStream) -> None:
        counts = self.limits.budget is not None and not self.limits.unknown_price
        async for completion in stream.model.generate(self._requests(stream)):
            stream.unanswered -= 1
            self.counts.in_flight -= 1
            self.arrived.append(completion)
            if counts and (fault := check_token_counts(stream.teacher, completion)):
                self._stop(fault)
            if completion.fault is not None and completion.fault.lasting and not stream.stopped:
                await self._stop_teacher(stream, completion)
            self.arrival.set()
            self._wake()
            while len(self.arrived) >= GROUP:
                await self.changed.wait()
        if stream.unanswered or not (stream.ended or stream.stopped):
            raise MapdError(
                f"teacher {stream.teacher.name} stopped before its calls were answered ({stream.unanswered} open); "
                "what came is kept: run it again"
            )

    async def _stop_teacher(self, stream: TeacherStream, completion: Completion) -> None:
        """Ask a teacher no more; what of its calls wasn't sent is given up."""
        stream.stopped, name = True, stream.teacher.name
        await self._in_store(lambda session: faults.note_stop(session, self.person, self.exam_uid, name, completion))
        self.turns.pass_over()
        await self._give_up(stream)

    async def _give_up(self, stream: TeacherStream) -> None:
        # These calls get no row in the ledger: nothing was sent, so nothing was paid.
        unsent = stream.drop_unsent()
        for planned in unsent:
            rows = self.flights.pop(planned.key)
            own_calls = [p for p in rows if p.teacher.id == stream.teacher.id]
            self.counts.given_up += len(own_calls)
            self._note_end(own_calls, came=False)
            # Another teacher (the same model under another name) may wait for the same call: it sends it.
            for peer in self.streams:
                peer.own_calls += self.flights.add(
                    [p for p in rows if p.teacher.id == peer.teacher.id and peer is not stream]
                )
        if unsent:
            keys = [planned.key for planned in unsent]
            await self._in_store(lambda session: claims.release(session, self.claimer, keys))
        self._advance()

    async def _requests(self, stream: TeacherStream) -> AsyncIterator[Request]:
        """Yield a teacher's calls, reviews first, until none can come any more."""
        while True:
            if stream.stopped:
                await self._give_up(stream)
            if self.stopped or stream.stopped:
                stream.ended = True
                return
            if stream.unanswered >= WINDOW:
                await self.changed.wait()
            # Reviews go first, so that no kind waits for another to be done.
            elif not stream.reviews and self.news - stream.news_read + len(stream.recalled) >= (
                TOGETHER if stream.own_calls or stream.ready else 1
            ):
                await self._read_reviews(stream)
            elif stream.ready:
                if self.limits.concurrency is not None and self.counts.in_flight >= self.limits.concurrency:
                    await self.changed.wait()
                    continue
                planned = stream.ready.popleft()
                stream.unanswered += 1
                stream.unwritten += planned.kind == "review"
                self.counts.in_flight += 1
                yield planned.request
            elif stream.reviews or stream.own_calls:
                await self._claim_next(stream)
            elif stream.mistakes_read < len(self.plan.mistakes):
                await self._read_own_work(stream)
            elif self._may_come(stream):
                await self.changed.wait()
            else:
                stream.ended = True
                self.turns.pass_over()
                self._wake()
                return

    def _may_come(self, stream: TeacherStream) -> bool:
        is_busy = stream.claims or stream.elsewhere or stream.unwritten or stream.waiting or stream.recalled
        unread = (s for s in self.streams if s.mistakes_read < len(self.plan.mistakes) and not s.stopped)
        return bool(is_busy or self.flights.rationales) or any(unread)

    async def _claim_next(self, stream: TeacherStream) -> None:
        """Claim the stream's next calls. Where the budget has no room, wait for what is in flight, or end the run."""
        claimed = await self._claim_now(stream, stream.take(self.chunk))
        if claimed.too_dear and not claimed.to_send:
            # A reply mostly costs less than was put by for it, so room may come with the next one.
            if claimed.purse.put_by:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), claims.POLL_S)
            else:
                self.at_budget = True
                self._stop()

    async def _claim_now(self, stream: TeacherStream, calls: Sequence[PlannedCall]) -> ClaimResult:
        stream.claims += 1
        claimed = await self._in_store(lambda session: self._claim(session, stream, calls))
        await self._settle(stream, claimed)
        return claimed

    def _claim(self, session: Session, stream: TeacherStream, calls: Sequence[PlannedCall]) -> ClaimResult:
        purse = Purse(self.limits.budget)
        return claiming.claim(session, self.claimer, self.plan.exam_id, calls, purse, stream.elsewhere)

    async def _settle(self, stream: TeacherStream, claimed: ClaimResult) -> None:
        """Make the claimed calls ready to send, and note what became of the others."""
        stream.claims -= 1
        stream.ready += claimed.to_send
        stream.put_back(claimed.too_dear)
        for planned in (*claimed.to_send, *claimed.too_dear, *claimed.answered, *claimed.failed):
            stream.elsewhere.pop(planned.key, None)
        stream.elsewhere |= claimed.elsewhere
        late = []
        for planned in claimed.answered:
            rows = self.flights.pop(planned.key)
            # The claim wrote the first row; the same call may stand elsewhere in the plan.
            late += rows[1:]
            self.counts.reused += len(rows)
            self._note_end(rows, came=True)
        if late:
            await self._in_store(lambda session: ledger.reuse(session, late))
        for planned in claimed.failed:
            rows = self.flights.pop(planned.key)
            self.counts.given_up += len(rows)
            self._note_end(rows, came=False)
        if stream.stopped:
            await self._give_up(stream)
        self._advance()

    async def _look_elsewhere(self) -> None:
        # Calls of a killed run are taken over as soon as its claims are free.
        while True:
            await asyncio.sleep(claims.POLL_S)
            for stream in self.streams:
                if stream.elsewhere and not self.stopped and not stream.stopped:
                    await self._claim_now(stream, [foreign.planned for foreign in stream.elsewhere.values()])

    async def _read_own_work(self, stream: TeacherStream) -> None:
        page = self.plan.mistakes[stream.mistakes_read : stream.mistakes_read + PAGE]

        def read(session: Session) -> tuple[list[PlannedCall], int]:
            missing, present = self.plan.own_work(session, stream.teacher, page)
            to_ask = ledger.reuse(session, missing)
            return to_ask, present + len(missing) - len(to_ask)

        to_ask, reused = await self._in_store(read)
        stream.own_calls += self.flights.add(to_ask)
        stream.mistakes_read += len(page)
        # Rationales may be among those that are there already: reviewers have to look.
        self.news += reused > 0
        self._advance(reused)

    async def _read_reviews(self, stream: TeacherStream) -> None:
        # Noted before the query: a rationale that is written meanwhile makes the stream look once more.
        news, mark, recalled = self.news, len(self.turns.over), stream.take_recalled(PAGE)

        def read(session: Session) -> tuple[list[PlannedCall], ReviewPage, dict[int, ReviewTurn]]:
            page = self.plan.reviews(session, stream.teacher, stream.last_seen_id, recalled)
            to_ask = ledger.reuse(session, page.missing)
            return to_ask, page, find_turns(session, self.plan, (p.explanation_id or 0 for p in to_ask))

        to_ask, page, turns = await self._in_store(read)
        due = self.turns.pick(stream, to_ask, turns, mark)
        stream.reviews += self.flights.add(due)
        stream.last_seen_id = page.last
        if not page.has_more:
            stream.news_read = news
        asked_for = {p.key for p in to_ask}
        self.turns.note((p for p in page.missing if p.key not in asked_for), came=True)
        self._advance(page.review_count + len(page.missing) - len(to_ask))

    # --- From the models to the database ------------------------------------------------------------------------------

    async def _write(self) -> None:
        while self.listening or self.arrived:
            await self.arrival.wait()
            if self.listening:
                await asyncio.sleep(GATHER_S)
            await self._commit()

    async def _commit(self) -> None:
        """Write the replies and claim the next calls in one transaction, then wake the streams."""
        completions, self.arrived = self.arrived, []
        self.arrival.clear()
        if not completions:
            return
        # Each try has its uid before the transaction: a repeated one finds the row that it wrote.
        group = [ledger.Arrival(tuple(self.flights[c.key]), c, t.new_uid()) for c in completions]
        short = [] if self.stopped else [s for s in self.streams if len(s.ready) < self.chunk // 2 and not s.stopped]
        next_calls = [(stream, calls) for stream in short if (calls := stream.take(self.chunk))]
        for stream, _ in next_calls:
            stream.claims += 1

        def write(session: Session) -> tuple[list[ledger.ReplyOutcome], list[ClaimResult], float]:
            effects = ledger.record(session, self.claimer, group, self.plan.exam_id)
            claimed = [self._claim(session, stream, calls) for stream, calls in next_calls]
            spent = 0.0 if self.limits.budget is None else ledger.spent(session, self.plan.exam_id)
            return effects, claimed, spent

        effects, claimed, self.counts.spent = await self._in_store(write)
        waiting = [self.flights.pop(c.key) for c in completions]
        late = [p for a, rows in zip(group, waiting, strict=True) for p in rows[len(a.planned) :]]
        # Calls that were planned while their reply was being written: its rows are copied for them.
        if late:
            await self._in_store(lambda session: ledger.reuse(session, late))
        for rows, effect, completion in zip(waiting, effects, completions, strict=True):
            self._count(rows, effect, completion)
        for (stream, _), result in zip(next_calls, claimed, strict=True):
            await self._settle(stream, result)
        for stream in self.streams:
            # A stopped teacher's review may have come back to be asked for once more.
            if stream.stopped:
                await self._give_up(stream)
        self._advance()

    def _count(self, rows: Sequence[PlannedCall], effect: ledger.ReplyOutcome, completion: Completion) -> None:
        self.counts.calls_made += 1
        stream = next(s for s in self.streams if s.teacher.id == rows[0].teacher.id)
        stream.unwritten -= rows[0].kind == "review"
        if effect is ledger.ReplyOutcome.ASK_AGAIN:
            self.counts.total += 1
            stream.reviews.extendleft(self.flights.add(rows))
        elif effect is ledger.ReplyOutcome.ROWS:
            self.counts.reused += len(rows) - 1
        else:
            self.counts.failed += 1
            self.tally.note(stream.teacher.name, completion)
            # The other rows waited for the call that failed.
            self.counts.given_up += len(rows) - 1
        if effect is not ledger.ReplyOutcome.ASK_AGAIN:
            self._note_end(rows, came=effect is ledger.ReplyOutcome.ROWS)

    def _note_end(self, rows: Sequence[PlannedCall], *, came: bool) -> None:
        """Note that a call is over: the next reviewer may follow; of a rationale, whether there is one to review."""
        self.turns.note(rows, came=came)
        if rows[0].kind == "rationale":
            self.flights.rationales -= 1
            self.news += came
            # Without the rationale nobody reviews it: the other teachers have so many calls less.
            if not came:
                self.counts.total -= len(rows) * (len(self.streams) - 1)

    def _advance(self, reused: int = 0) -> None:
        """Count what was there already, wake the streams that wait, and report."""
        self.counts.reused += reused
        self._wake()
        self._report()

    def _report(self) -> None:
        self.progress(self.counts.progress(self.streams, self.limits.budget))

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def _in_store(self, work: Callable[[Session], T]) -> T:
        # The store has one thread, so each transaction comes after all earlier ones.
        def transaction() -> T:
            return db.transact(self.engine, work)

        # Shielded: a transaction that has begun is finished, also where this task is cancelled.
        try:
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self.store, transaction))
        except Busy as busy:
            raise MapdError(
                f"replies can't be written: {busy}; those before are kept, and the same again does the rest"
            ) from busy
