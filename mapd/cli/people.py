"""`mapd people …`: who judged how in an exam, and by how many each text is to be judged."""

from typing import Annotated, Any

import typer

from mapd.cli.shared import AsJson, ExamRef, PersonName, line, person_of, reading, show, writing
from mapd.curation import judging, records, sharing
from mapd.curation.records import FEW, Agreement, AnnotatorRecord, Period
from mapd.curation.reviewing import Share
from mapd.review import leases
from mapd.store import queries

sharing_out = typer.Typer(no_args_is_help=True, help="Who judges an exam: their records, and how many judge a text.")


@sharing_out.command("show")
def show_people(exam: ExamRef, as_json: AsJson = False) -> None:
    """Show who judged how much, how fast, and how far they agree."""
    with reading() as session:
        info = queries.exam(session, exam)
        curated = judging.load_curated(session, info.id)
        now = leases.list_leases(session, info.id)
    found, done = records.records(curated), records.measure_progress(curated)
    result: dict[str, Any] = {"exam": info.uid, "wanted": info.wanted, "rationales": done.of, "done": done.count}
    result |= {
        "people": [_record(r) for r in found],
        "pairs": [_pair(pair) for pair in records.measure_agreement(curated)],
    }
    result |= {"open_now": [one.person for one in now]}
    if as_json:
        show(result, as_json, "")
        return
    line(f"{info.name}: {done.count:,} of {done.of:,} rationales are judged by {info.wanted}")
    for r in found:
        whole = r.total
        took = "" if whole.seconds is None else f", {whole.seconds:.1f} s each (median)"
        much = f"{len(r.words):,} {_text(r)}, {r.judged_first:,} judged first"
        line(f"  {r.person}: {much}{took}{_settled(whole.agreement)}")
    for pair in records.measure_agreement(curated):
        kappa = "" if pair.kappa is None else f", kappa {pair.kappa:.2f}"
        small = ": too few to tell" if pair.n < FEW else ""
        line(f"  {pair.first} and {pair.second}: agree on {pair.agree:,} of {pair.n:,} judged first{kappa}{small}")


def _text(r: AnnotatorRecord) -> str:
    return "text" if len(r.words) == 1 else "texts"


def _settled(agreement: Share) -> str:
    return f", with the adjudicator on {agreement.count:,} of {agreement.of:,}" if agreement.of else ""


def _record(r: AnnotatorRecord) -> dict[str, Any]:
    halves = {"first_half": _stretch(r.halves[0]), "latest_half": _stretch(r.halves[1])}
    done = {"person": r.person, "texts": len(r.words), "judged_first": r.judged_first, "adjudicated": r.adjudicated}
    told = (("practised", r.practised), ("repeated", r.repeated))
    beside = {name: {"count": share.count, "of": share.of} for name, share in told}
    return done | _stretch(r.total) | halves | beside | {"reasons": dict(r.reasons)}


def _stretch(part: Period) -> dict[str, Any]:
    agreement = {"count": part.agreement.count, "of": part.agreement.of}
    return {"accepted": part.accepted.count, "median_seconds": part.seconds, "with_adjudicator": agreement}


def _pair(pair: Agreement) -> dict[str, Any]:
    return {"people": [pair.first, pair.second], "texts": pair.n, "agree": pair.agree, "kappa": pair.kappa}


def _number(column: str, help: str) -> Any:
    low, high, _ = sharing.NUMBERS[column]
    return typer.Option(min=low, max=high, help=help)


@sharing_out.command("want")
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
    given = {"judgements_wanted": judgements, "practice": practice}
    given |= {"check_every": check_every, "repeat_every": repeat_every}
    with writing() as session:
        info = queries.exam(session, exam)
        sharing.set_judging(session, info.id, by=person_of(by), **{k: v for k, v in given.items() if v is not None})
        now = queries.exam(session, exam)
    result: dict[str, Any] = {"exam": now.uid, "wanted": now.wanted, "practice": now.practice}
    show(result | {"check_every": now.check_every, "repeat_every": now.repeat_every}, as_json, now.name)
