"""`mapd people …`: who judged how in an exam, whose work counts, and by how many each text is to be judged."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from mapd.cli.shared import AsJson, ExamRef, PersonName, line, moment, open_project, person_of, reading, show, writing
from mapd.curation import live_set
from mapd.curation.agreement import Agreement
from mapd.curation.resampling import LEAST_TEXTS
from mapd.exchange import judgements
from mapd.people import person_name
from mapd.review import annotators, assignment, leases, set_aside
from mapd.review.annotators import AnnotatorRecord, Period
from mapd.review.queue_index import derivation
from mapd.store import judgement_rows, queries

commands = typer.Typer(no_args_is_help=True, help="Who judges an exam: their records, and how many judge a text.")


@commands.command("show")
def show_people(exam: ExamRef, as_json: AsJson = False) -> None:
    """Show who judged how much, how fast, and how far they agree."""
    with reading() as session:
        info = queries.exam(session, exam)
        curated = live_set.load_curated(session, info.id)
        held_leases = leases.list_leases(session, info.id)
        work_aside = set_aside.list_set_aside(session, info.id)
    people, progress = annotators.records(curated), annotators.measure_progress(curated)
    pairs = annotators.measure_agreement(curated)
    result: dict[str, Any] = {"exam": info.uid, "wanted": info.judgements_per_text}
    result |= {"rationales": progress.of, "done": progress.count, "people": [_record(r) for r in people]}
    result["pairs"] = [_describe_pair(pair) for pair in pairs]
    result |= {"open_now": [lease.person for lease in held_leases]}
    result |= {"set_aside": [asdict(work) | {"at": work.at.isoformat()} for work in work_aside]}
    if as_json:
        show(result, as_json, "")
        return
    line(f"{info.name}: {progress.count:,} of {progress.of:,} rationales are judged by {info.judgements_per_text}")
    for r in people:
        total = r.total
        pace = "" if total.seconds is None else f", {total.seconds:.1f} s each (median)"
        amount = f"{len(r.words):,} {'text' if len(r.words) == 1 else 'texts'}, {r.judged_first:,} judged first"
        share = total.agreement
        agreement = f", with the adjudicator on {share.count:,} of {share.of:,}" if share.of else ""
        line(f"  {r.person}: {amount}{pace}{agreement}")
    for pair in pairs:
        kappa = "" if pair.kappa is None or pair.kappa.value is None else f", kappa {pair.kappa.value:.2f}"
        small = ": too few to tell" if pair.agree.of < LEAST_TEXTS else ""
        names, share = " and ".join(pair.raters), pair.agree
        line(f"  {names}: agree on {share.count:,} of {share.of:,} judged first{kappa}{small}")
    for work in work_aside:
        number = f"{work.judgements:,} judgements by {work.person} are set aside"
        line(f"  {number} since {moment(work.at)}, by {work.by}: {work.reason}")


def _describe_pair(pair: Agreement) -> dict[str, Any]:
    kappa = None if pair.kappa is None else pair.kappa.value
    return {"people": list(pair.raters), "texts": pair.agree.of, "agree": pair.agree.count, "kappa": kappa}


def _record(r: AnnotatorRecord) -> dict[str, Any]:
    halves = {"first_half": _stretch(r.halves[0]), "latest_half": _stretch(r.halves[1])}
    result = {"person": r.person, "texts": len(r.words), "judged_first": r.judged_first, "adjudicated": r.adjudicated}
    shares_ = (("practised", r.practised), ("repeated", r.repeated))
    shares = {name: {"count": share.count, "of": share.of} for name, share in shares_}
    return result | _stretch(r.total) | halves | shares | {"reasons": dict(r.reasons)}


def _stretch(part: Period) -> dict[str, Any]:
    agreement = {"count": part.agreement.count, "of": part.agreement.of}
    return {"accepted": part.accepted.count, "median_seconds": part.seconds, "with_adjudicator": agreement}


@commands.command("work")
def list_work(
    exam: ExamRef, person: Annotated[str, typer.Option("--person", help="Whose.")], as_json: AsJson = False
) -> None:
    """List all judgements of a person in an exam.

    Those that were taken back or set aside are in the list, too.
    """
    with reading() as session:
        info = queries.exam(session, exam)
        records = list(judgement_rows.iterate_judgements(session, info.id, person_name(person)))
    if as_json:
        show({"exam": info.uid, "judgements": [judgements.as_row(record) for record in records]}, as_json, "")
        return
    line(f"{info.name}: {len(records):,} judgements by {person_name(person)}")
    for record in records:
        words = record.decision if record.reason is None else f"{record.decision} ({record.reason})"
        state = "" if record.counts else ", set aside or from elsewhere: doesn't count"
        line(f"  {moment(record.created_at)}  {record.kind} {record.uid}, question {record.question}: {words}{state}")


@commands.command("set-aside")
def set_work_aside(
    exam: ExamRef,
    person: Annotated[str, typer.Option("--person", help="Whose judgements.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in your words; it is kept.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Let nothing count any more that a person said in an exam. Its texts wait for others; nothing is deleted."""
    with writing() as session:
        info, name = queries.exam(session, exam), person_name(person)
        number = set_aside.set_aside(session, info.id, name, reason, by=person_of(by))
    show({"exam": info.uid, "person": name, "judgements": number}, as_json, "set aside")


@commands.command("count-again")
def count_work_again(
    exam: ExamRef,
    person: Annotated[str, typer.Option("--person", help="Whose judgements.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Let a person's judgements count again that were set aside."""
    with writing() as session:
        info, name = queries.exam(session, exam), person_name(person)
        number = set_aside.count_again(session, info.id, name, by=person_of(by))
    show({"exam": info.uid, "person": name, "judgements": number}, as_json, "they count again")


@commands.command("share")
def share(
    exam: ExamRef,
    among: Annotated[int, typer.Option("--among", help="Among so many people.")],
    as_json: AsJson = False,
) -> None:
    """Share out what waits: a filter for each person's part.

    Browse and triage open it, and `mapd export --exam E --filter …` writes it.
    """
    with reading() as session:
        info = queries.exam(session, exam)
    derivation.catch_up(open_project(), info.id)
    with reading() as session:
        shares = assignment.share_out(session, info.id, among)
    if as_json:
        parts = [{"part": str(x.part), "mistakes": x.mistakes, "filter": x.filter} for x in shares]
        show({"exam": info.uid, "parts": parts}, as_json, "")
        return
    line(f"{info.name}: what waits, among {among}")
    for x in shares:
        address = urlencode({"exam": info.uid, "queue": "browse", "filter": x.filter})
        line(f"  {x.part}  {x.mistakes:,} mistakes  /triage?{address}")


def _number(column: str, help: str) -> Any:
    low, high, _ = assignment.NUMBERS[column]
    return typer.Option(min=low, max=high, help=help)


@commands.command("want")
def want(
    exam: ExamRef,
    judgements: Annotated[
        int | None, _number("judgements_wanted", "By so many people each text is to be judged.")
    ] = None,
    practice: Annotated[int | None, _number("practice", "Explained texts before a person's first; 0: none.")] = None,
    check_every: Annotated[int | None, _number("check_every", "A hidden check after so many texts; 0: never.")] = None,
    repeat_every: Annotated[int | None, _number("repeat_every", "An own text again after so many; 0: never.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Say how people are to judge an exam; what isn't named stays. Nobody sees others' words before their own."""
    values = {"judgements_wanted": judgements, "practice": practice}
    values |= {"check_every": check_every, "repeat_every": repeat_every}
    with writing() as session:
        info = queries.exam(session, exam)
        assignment.set_judging(session, info.id, by=person_of(by), **{k: v for k, v in values.items() if v is not None})
        now = queries.exam(session, exam)
    result: dict[str, Any] = {"exam": now.uid, "wanted": now.judgements_per_text, "practice": now.practice}
    show(result | {"check_every": now.check_every, "repeat_every": now.repeat_every}, as_json, now.name)
