"""`mapd students …`, `mapd exam …`, `mapd finetune`: who is taught, how it answers, and the training."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd import exam as stage
from mapd import students
from mapd.cli import jobs
from mapd.cli.shared import AsJson, PersonName, errors, line, one_of, person_of, reading, show, usage, writing
from mapd.jobs import kinds
from mapd.jobs.kinds import DEFAULT
from mapd.prompts import MOST_SHOTS
from mapd.store import queries

learning = typer.Typer(no_args_is_help=True, help="The models that are taught: add one, list them.")
examining = typer.Typer(no_args_is_help=True, help="Exams: a student answers a set of questions.")


@learning.command("add")
def add_student(
    name: Annotated[str, typer.Argument(help="As it is shown beside its answers.")],
    path: Annotated[Path | None, typer.Option(help="A folder that transformers can load.")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="A model on the hub.")] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=MOST_SHOTS, help="Worked examples, for a base model without a chat template.")
    ] = 0,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a student; without --path or --hub the packaged SmolLM2. The same one again changes nothing."""
    with usage():
        students.check_source(path, hub)
    base = students.examine_base(path=path, hub=hub)
    with writing() as session, usage():
        row = students.add(session, name, base=base, shots=shots, by=person_of(by))
        result = {"student": row.uid, "name": row.name, "base": students.source_of(row)}
        result |= {"prompt": prompt} if (prompt := students.describe_prompting(row)) else {}
    show(result, as_json, "student")


@learning.command("list")
def list_students(as_json: AsJson = False) -> None:
    """List every student, the newest first; imported ones too."""
    with reading() as session:
        rows = students.list_students(session)
        names = {row.id: row.name for row in rows}
        items = [
            {
                "student": s.uid,
                "name": s.name,
                "base": students.source_of(s),
                "parent": names.get(s.parent_id),
                "round": s.round,
                "prompt": students.describe_prompting(s),
            }
            for s in rows
        ]
    if as_json:
        show({"students": items}, as_json, "")
    for s in () if as_json else items:
        line(f"{s['name']:<24} round {s['round']}  {s['base']}" + (f"  from {s['parent']}" if s["parent"] else ""))
        if s["prompt"]:
            line(f"{'':<24} {s['prompt']}")


@examining.command("run")
def run_exam(
    student: Annotated[str, typer.Option(help="The student's name, uid or id.")],
    questions: Annotated[str, typer.Option(metavar="SET", help="The question set's name, uid or id.")],
    split: Annotated[str, typer.Option(help="train, dev or test.")],
    samples: Annotated[int, typer.Option(min=1, help="Answers to each question.")] = 1,
    seed: Annotated[int, typer.Option(help="Of sampled answers.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 is greedy.")] = 0,
    top_p: Annotated[float, typer.Option("--top-p", min=0.01, max=1, help="Draw from so much of the likeliest.")] = 1,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="An answer's longest; else as its task needs.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions asked, and kept, at a time.")] = 32,
    open_test: Annotated[str | None, typer.Option(metavar="PURPOSE", help="Open the sealed test split.")] = None,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Examine a student. Started again, the same exam goes on where it was; complete, nothing is asked."""
    one_of("--split", split, ("train", "dev", "test"))
    work_ = kinds.ExamWork(
        student=student,
        questions=questions,
        split=split,
        samples=samples,
        seed=seed,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        batch_size=batch_size,
        open_test=open_test,
    )
    _examine(work_, detach=detach, by=by, as_json=as_json)


@examining.command("again")
def ask_again(
    exam: Annotated[str, typer.Argument(help="The exam's id, uid or name.")],
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="An answer's longest; by default four times the exam's.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions asked, and kept, at a time.")] = 32,
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


@examining.command("list")
def list_exams(as_json: AsJson = False) -> None:
    """List every exam, the newest first."""
    with reading() as session:
        rows = [{"name": info.name} | asdict(stage.count_outcomes(session, info.id)) for info in queries.exams(session)]
    for row in rows:
        del row["failed"], row["reason"]
    if as_json:
        show({"exams": rows}, as_json, "")
    for row in () if as_json else rows:
        line(
            f"{row['name']:<48} {row['correct']:>5} of {row['n']} correct, {row['no_answer']} no answer, "
            f"{row['cut_off']} cut off  {row['exam']}"
        )


def finetune(
    snapshot: Annotated[str, typer.Option(help="The snapshot's sha256, or the beginning of it.")],
    student: Annotated[str | None, typer.Option(help="By default the student of the snapshot's exam.")] = None,
    alpha: Annotated[float, typer.Option(help="Weight of the feedback's loss, 0 to 1.")] = DEFAULT.alpha,
    epochs: Annotated[int, typer.Option(help="How often each pair is taught.")] = DEFAULT.epochs,
    lr: Annotated[float, typer.Option(help="The highest learning rate.")] = DEFAULT.learning_rate,
    batch: Annotated[int, typer.Option(help="Pairs a step.")] = DEFAULT.batch,
    rank: Annotated[int, typer.Option(help="LoRA's rank.")] = DEFAULT.rank,
    seed: Annotated[int, typer.Option(help="Draws the order and the adapter's first numbers.")] = DEFAULT.seed,
    max_length: Annotated[int, typer.Option(help="Tokens a dialogue.")] = DEFAULT.max_length,
    arm: Annotated[str | None, typer.Option(help="A name, where several are compared.")] = None,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Train an adapter on a snapshot: the result is a new student. Interrupted and started again it goes on."""
    work_ = kinds.FinetuneWork(
        snapshot=snapshot,
        student=student,
        arm=arm,
        alpha=alpha,
        epochs=epochs,
        learning_rate=lr,
        batch=batch,
        rank=rank,
        seed=seed,
        max_length=max_length,
    )
    with usage():
        # Reading them checks that each is in its range.
        _ = work_.hyperparameters
    result = jobs.do(work_, by=by, detach=detach, as_json=as_json)
    if result is None:
        return
    if result["cut"] or result["left_out"]:
        losses = f"{result['cut']} explanations were cut at {max_length} tokens, {result['left_out']} pairs had no room"
        errors.print(f"{losses}: --max-length gives more", soft_wrap=True)
    summary = {key: result[key] for key in ("student", "adapter", "pairs", "steps", "seconds")}
    show(summary, as_json, f"the new student is {result['name']}")
