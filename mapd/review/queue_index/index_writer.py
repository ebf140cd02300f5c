"""Writes what the rules answer for some questions of an exam into its queue index, and takes out what was there.

    exam = IndexWriter.of(session, row)      # None: other rules derived it
    exam.follow([17, 18])                    # rows, places and numbers of these two questions

Of each text it writes down, too, what the checks say of it (store/text_checks.py): it is not read a second time.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.checks import CHECKS_VERSION
from mapd.curation import saved_policies, threshold_sweep
from mapd.curation.curated import Mistake, curate
from mapd.curation.decided_texts import CommitteeRules
from mapd.curation.order_fits import OrderFit
from mapd.domain import ExamInfo
from mapd.policies import Policy
from mapd.review import queues
from mapd.review.queue_index.bands import BandKey, BandPosition, find_positions
from mapd.review.queue_index.rows import (
    Values,
    authors_of,
    count_figures,
    find_skips,
    list_new_records,
    list_question_rows,
    list_rows,
)
from mapd.store import committees, exam_material, judgement_log, queries, text_checks
from mapd.store import tables as t

# Raise it whenever a rule changes what is derived: the index of every exam is then derived again. An example's rows
# (tests/data/queue_index.tsv) hold it: a test fails where they change and this number doesn't.
RULES_VERSION = 3
BLOCK = 250  # questions that are derived at once: in one transaction, so that others can write in between
IN_PART = ", in part"  # behind the version of an index that is being derived: judgements follow, nobody reads it


def version_of(session: Session, info: ExamInfo) -> str:
    """Return the version of the exam's rows: rules, policy, order; no threshold (a row holds for all of them)."""
    policy = saved_policies.exam_policy(session, info)
    order = saved_policies.find_order_fit(session, info, policy).digest
    decided = policy.conditions + f", wrong in {info.wrong_in}" * (info.wrong_in > 1) + f", order {order}"
    judges = f"judgements {info.judgements_per_text}, {committees.describe(session, info.id, policy)}"
    return f"rules {RULES_VERSION}, checks {CHECKS_VERSION}, {decided}, {judges}"


@dataclass(frozen=True, slots=True)
class IndexWriter:
    """An exam that the index holds, to write its rows."""

    session: Session
    id: int
    policy: Policy
    order_fit: OrderFit
    per_text: int
    committee_rules: CommitteeRules
    bands: dict[BandKey, int]

    @classmethod
    def of(cls, session: Session, row: t.StandingExam) -> "IndexWriter | None":
        """Return the exam; None where other rules derived it: it is derived again before it is read."""
        assert row.id is not None
        info = queries.exam(session, row.id)
        policy = saved_policies.exam_policy(session, info)
        if row.rules.removesuffix(IN_PART) != version_of(session, info):
            # The same rules may come back later, and what isn't followed now would be missing then.
            row.rules = ""
            return None
        band = t.QueueBand
        columns = (col(band.id), col(band.name), col(band.low), col(band.high), col(band.waits))
        rows = session.execute(sa.select(*columns).where(col(band.exam_id) == row.id))
        rules = CommitteeRules(policy, {name: Fraction(offset) for name, offset in row.leniency.items()})
        bands = {(r.name, r.low, r.high, r.waits): r.id for r in rows}
        order_fit = saved_policies.find_order_fit(session, info, policy)
        return cls(session, row.id, policy, order_fit, info.judgements_per_text, rules, bands)

    def follow(self, questions: Collection[int], *, empty: bool = False) -> None:
        """Derive these questions; `empty`: nothing is derived of them yet."""
        for block in queries.split_ids(questions, BLOCK):
            self._replace(block, empty)

    def _replace(self, questions: Sequence[int], empty: bool) -> None:
        material = exam_material.material(self.session, self.id, questions)
        judgements = judgement_log.judgements(self.session, self.id, questions)
        closed, skipped = queues.find_closed_targets(judgements, ""), find_skips(judgements)
        part = curate(material, judgements, self.policy, rules=self.committee_rules, order_fit=self.order_fit)
        text_checks.write_records(self.session, list_new_records(part.mistakes))
        rows = (
            *list_rows(part.mistakes, judgements, authors_of(self.session)),
            *list_question_rows(material, part, judgements),
        )
        index_rows = [{"exam_id": self.id} | row for row in rows]
        find = partial(find_positions, closed=closed, skipped=skipped, per_text=self.per_text)
        positions = [(mistake, position) for mistake in part.mistakes for position in find(mistake)]
        # How much each band's number grows or shrinks; bands are counted, so that a queue's length is one sum.
        change: Counter[BandKey] = Counter(position.band for _, position in positions)
        change.update(count_figures(index_rows))
        if not empty:
            change.subtract(self._take_out(questions))
        self._change_counts(change)
        self._insert(t.Standing, index_rows)
        entries = [
            {
                "band_id": self.bands[position.band],
                "place": position.place,
                "position": mistake.question.position,
                "attempt_id": mistake.attempt.id,
                "question_id": mistake.question.id,
                "explanation_id": position.enter,
            }
            for mistake, position in positions
        ]
        self._insert(t.QueueEntry, entries)
        self._insert_skips(positions)

    def _take_out(self, questions: Sequence[int]) -> Counter[BandKey]:
        """Delete what is there; returns what it counted."""
        names = {band: key for key, band in self.bands.items()}
        # For several questions SQLite would choose the index of the bands, or of the exam's order, and read all of it:
        # so the bands are compared in Python, and `+ 0` keeps the exam's index out of the choice.
        entry = t.QueueEntry
        positions = sa.select(col(entry.id), col(entry.band_id)).where(col(entry.question_id).in_(questions))
        rows = [row for row in self.session.execute(positions).all() if row.band_id in names]
        counts = Counter(names[row.band_id] for row in rows)
        of_questions = (col(t.Standing.question_id).in_(questions), col(t.Standing.exam_id) + 0 == self.id)
        columns = [t.metadata.tables["standing"].c[name] for name in threshold_sweep.COLUMNS]
        old = self.session.execute(sa.select(*columns).where(*of_questions)).mappings()
        counts.update(count_figures(map(dict, old)))
        for ids in queries.split_ids(row.id for row in rows):
            self.session.execute(sa.delete(t.QueueSkip).where(col(t.QueueSkip.queued_id).in_(ids)))
            self.session.execute(sa.delete(t.QueueEntry).where(col(t.QueueEntry.id).in_(ids)))
        self.session.execute(sa.delete(t.Standing).where(*of_questions))
        return counts

    def _change_counts(self, change: Counter[BandKey]) -> None:
        """Move the bands' numbers; a band is made where it is needed first, and stays."""
        for key in sorted(key for key in change if key not in self.bands):
            name, low, high, waits = key
            band = t.QueueBand(exam_id=self.id, name=name, low=low, high=high, waits=waits)
            self.session.add(band)
            self.session.flush()
            assert band.id is not None
            self.bands[key] = band.id
        changes = [{"band": self.bands[key], "by": by} for key, by in change.items() if by]
        if changes:
            bands = t.metadata.tables["band"]
            by = sa.bindparam("by", type_=sa.Integer)
            update = sa.update(bands).where(bands.c.id == sa.bindparam("band")).values(number=bands.c.number + by)
            self.session.connection().execute(update, changes)

    def _insert(self, table: type[t.Table], rows: list[Values]) -> None:
        if rows:
            self.session.connection().execute(sa.insert(t.metadata.tables[str(table.__tablename__)]), rows)

    def _insert_skips(self, positions: Iterable[tuple[Mistake, BandPosition]]) -> None:
        entry, skips = t.QueueEntry, []
        for mistake, position in positions:
            if position.passed_by:
                band = self.bands[position.band]
                entry_ids = select(entry.id).where(entry.band_id == band, entry.attempt_id == mistake.attempt.id)
                place = {"queued_id": self.session.exec(entry_ids).one(), "band_id": band}
                people = ({"person": who, "skipped": who in position.skipped_by} for who in sorted(position.passed_by))
                skips += [place | person for person in people]
        self._insert(t.QueueSkip, skips)
