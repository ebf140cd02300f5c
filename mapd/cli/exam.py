"""`mapd exam …`: how a student answers the questions of a set."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd import exam as stage
from mapd import results, student_models
from mapd.cli import jobs
from mapd.cli.delete import delete_command
from mapd.cli.rename import rename_command
from mapd.cli.shared import (
    AsJson,
    PersonName,
    line,
    one_of,
    open_project,
    person_of,
    reading,
    show,
    show_lines,
    writing,
)
from mapd.curation import live_set
from mapd.exchange import attempts
from mapd.jobs import kinds
from mapd.store import queries
from mapd.trash import plan_exam_removal

commands = typer.Typer(no_args_is_help=True, help="Exams: a student answers a set of questions.")


@commands.command("run")
def run_exam(
    student: Annotated[str, typer.Option(help="The student's name, uid or id.")],
    questions: Annotated[str, typer.Option(metavar="SET", help="The question set's name, uid or id.")],
    split: Annotated[str, typer.Option(help="train, dev or test.")],
    preset: Annotated[
        str,
        typer.Option(help="greedy, or paper (temperature 0.3, top p 0.9, 512 tokens); an option beside it counts."),
    ] = "greedy",
    samples: Annotated[int, typer.Option(min=1, help="Answers to each question.")] = 1,
    seed: Annotated[int, typer.Option(help="Of sampled answers.")] = 0,
    temperature: Annotated[float | None, typer.Option(min=0, max=2, help="0 is greedy.")] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", min=0.01, max=1, help="Draw from so much of the likeliest.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="An answer's longest; else as its task needs.")] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Questions answered at once; a served student has limits instead.")
    ] = 32,
    backend: Annotated[
        str, typer.Option(help="What a student on this machine is asked with: transformers, or vllm on a GPU.")
    ] = student_models.BACKENDS[0],
    open_test: Annotated[str | None, typer.Option(metavar="PURPOSE", help="Open the sealed test split.")] = None,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Examine a student. Started again, the same exam goes on where it was; complete, nothing is asked."""
    one_of("--split", split, ("train", "dev", "test"))
    work_ = kinds.ExamWork.by_preset(
        one_of("--preset", preset, kinds.PRESETS),
        student=student,
        questions=questions,
        split=split,
        samples=samples,
        seed=seed,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        batch_size=batch_size,
        backend=one_of("--backend", backend, student_models.BACKENDS),
        open_test=open_test,
    )
    _examine(work_, detach=detach, by=by, as_json=as_json)


@commands.command("again")
def ask_again(
    exam: Annotated[str, typer.Argument(help="The exam's id, uid or name.")],
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="An answer's longest; by default four times the exam's.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions answered at once.")] = 32,
    open_test: Annotated[str | None, typer.Option(metavar="PURPOSE", help="Open the sealed test split.")] = None,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Ask an exam's cut-off answers again, with more tokens.

    It is an exam of its own, which takes over the answers that are whole.
    """
    with reading() as session:
        work_ = kinds.ask_again(session, exam, max_tokens)
    work_ = work_.model_copy(update={"batch_size": batch_size, "open_test": open_test})
    _examine(work_, detach=detach, by=by, as_json=as_json)


def _examine(work_: kinds.ExamWork, *, detach: bool, by: str | None, as_json: bool) -> None:
    if (result := jobs.do(work_, by=by, detach=detach, as_json=as_json)) is None:
        return
    show(result, as_json, "examined")
    if result["cut_off"] and not as_json:
        line(f"{result['cut_off']:,} answers were cut off: `mapd exam again {result['exam']}` takes more tokens")


@commands.command("show")
def show_exam(
    exam: Annotated[str, typer.Argument(help="The exam's id, uid or name.")], as_json: AsJson = False
) -> None:
    """Show an exam's counts, its scores, and its answers' sha256.

    Exams with the same answers have the same sha256. Of several samples: mean@k is the share of right answers; maj@k:
    the answer that most of the k give is right; pass@k: one of k is. Their intervals hold with 95 % confidence.
    """
    with reading() as session:
        info = queries.exam(session, exam)
        counts, scores = asdict(stage.count_outcomes(session, info.id)), results.load_sampled(session, info.id)
        content = results.load_content(session, info.id)
    sampled = None if scores is None else asdict(scores)
    for name in ("failed", "reason"):
        del counts[name]
    lines = [f"{info.name}: {counts['correct']:,} of {counts['n']:,} correct, {counts['no_answer']:,} no answer"]
    if scores is not None:
        lines += [f"  {name:<9} {x.value:6.1%}  {x.low:.1%} to {x.high:.1%}" for name, x in scores.by_name.items()]
    lines += [f"  prompt    {content.rendering}"] if content.rendering else []
    lines += [f"  answers   sha256 {content.sha256}", *([f"  {'':<9} {content.note}"] if content.note else [])]
    show_lines({"name": info.name, **counts, "content": asdict(content), "sampled": sampled}, as_json, lines)


@commands.command("mistakes")
def set_mistakes(
    exam: Annotated[str, typer.Argument(help="The exam's id, uid or name.")],
    wrong_in: Annotated[int, typer.Option("--wrong-in", min=1, help="So many of a question's samples are wrong.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Set in how many samples a mistake's question is wrong.

    An answer that is wrong less often is no mistake; what was collected on it stays, and counts again later.
    """
    with writing() as session:
        row = stage.set_wrong_in(session, exam, wrong_in, by=person_of(by))
        mistakes = len(live_set.load_curated(session, queries.identity(row)).mistakes)
        result = {"exam": row.uid, "wrong_in": row.wrong_in, "mistakes": mistakes}
        name = row.name
    show(result, as_json, name)


@commands.command("list")
def list_exams(as_json: AsJson = False) -> None:
    """List every exam, the newest first."""
    with reading() as session:
        rows = [{"name": info.name} | asdict(stage.count_outcomes(session, info.id)) for info in queries.exams(session)]
    for row in rows:
        del row["failed"], row["reason"]
    lines = (
        f"{row['name']:<48} {row['correct']:>5} of {row['n']} correct, {row['no_answer']} no answer, "
        f"{row['cut_off']} cut off  {row['exam']}"
        for row in rows
    )
    show_lines({"exams": rows}, as_json, lines)


@commands.command("export")
def export_attempts(
    exam: Annotated[str, typer.Argument(help="The exam's id, uid or name.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, JSON Lines.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Write an exam's answers to a file. `mapd import attempts` reads it."""
    written = attempts.export(open_project(), exam, path, by=person_of(by))
    show({"path": written.path, "answers": written.rows, "sha256": written.sha256}, as_json, "exported")


commands.command("rename")(rename_command("exam"))
commands.command("delete")(delete_command("exam", plan_exam_removal))
