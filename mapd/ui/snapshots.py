"""The parts of the snapshots page: the form, the list, and the contents of one snapshot."""

import io
import shlex
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd import prompts
from mapd.curation import selection
from mapd.curation import snapshots as freezing
from mapd.curation.curated import Curated, Narrowing
from mapd.curation.leakage import GuardedDraw, Leakage, draw_guarded
from mapd.curation.pairs import DrawSettings, PairDraw, Texts, sort_sets
from mapd.curation.snapshots import SnapshotContents
from mapd.curation.summary import summary
from mapd.domain import ExamInfo
from mapd.exchange.training import FORMATS
from mapd.exchange.training import snapshots as outgoing
from mapd.exchange.training.snapshots import SnapshotExport
from mapd.people import Person
from mapd.store import queries, snapshots
from mapd.store import tables as t
from mapd.ui import snapshot_views, trimming_form
from mapd.ui.kit import actions, context, exports, tables, text, times, url_state
from mapd.ui.kit.cache import load_held_out, load_parts
from mapd.ui.kit.pagination import take_page
from mapd.ui.threshold import lab

# Letters of a sha256 that are shown; the address has all of them.
SHORT_NAME = 12
DOWNLOAD_REFUSAL = "download_refusal"
# Pairs on a page: each is a question and three texts.
PAGE_SIZE = 10
MESSAGE = "snapshot_made"
# In the address: with=5e…&with=9a…
EXAMS_KEY = "with"
NOTHING_DRAWN = GuardedDraw(PairDraw(()), Leakage())
USUAL_TEXTS = "a rationale and a feedback"
# What a pair may have, in words, which stand in the address, too.
TEXTS: Mapping[str, tuple[Texts, ...]] = {
    USUAL_TEXTS: (Texts.BOTH,),
    "both, or a rationale alone": (Texts.BOTH, Texts.RATIONALE),
    "both, or a feedback alone": (Texts.BOTH, Texts.FEEDBACK),
    "whatever there is": tuple(Texts),
    "a rationale alone": (Texts.RATIONALE,),
    "a feedback alone": (Texts.FEEDBACK,),
}


def choose_sets(exam_id: int) -> tuple[Curated, ...]:
    """Draw which exams are frozen together, and what of them; return their sets."""
    exam = context.read(queries.exam, exam_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_freeze_of"):
        further = _choose_exams(exam)
        own = load_parts(exam_id)
        parts = [own, *(load_parts(other.id, own.curated.policy) for other in further)]
        teachers = lab.choose_teachers(exam_id, *(other.id for other in further))
        choices = selection.list_choices(parts)
        tasks = _choose_some("tasks", "Tasks", exam_id, choices.tasks)
        families = _choose_some("families", "Families", exam_id, choices.families)
    return tuple(sort_sets(selection.narrow_sets(parts, Narrowing(teachers, tasks, families))))


def _choose_exams(exam: ExamInfo) -> list[ExamInfo]:
    """Draw the choice of exams that are frozen with this one, whose uids stand in the address; return them."""
    taught = [info for info in context.read(queries.exams) if info.split == exam.split == "train"]
    others = {info.uid: info for info in taught if info.id != exam.id}
    requested = st.query_params.get_all(EXAMS_KEY)
    for uid in [uid for uid in requested if uid not in others]:
        text.complain(f"this address asks for an exam that can't be frozen together with this one: {uid}")
    chosen = [uid for uid in dict.fromkeys(requested) if uid in others]
    if not others:
        return []
    # No `bind`: streamlit would put names into the address, and they change.
    uids = st.multiselect(
        "Together with",
        list(others),
        chosen,
        format_func=lambda uid: text.one_line(others[uid].name, 80),
        placeholder="No other exam",
        help="One snapshot of several exams, rounds or question sets, all under this exam's policy. What two of them "
        "teach alike is taught once.",
        width=320,
    )
    if uids != requested:
        st.query_params[EXAMS_KEY] = uids
    return [others[uid] for uid in uids]


def _choose_some(key: str, label: str, exam_id: int, names: Sequence[str]) -> tuple[str, ...]:
    """Draw the choice of some of these names, if there are several; return them, () for all."""
    lines = text.distinct_lines({name: number for number, name in enumerate(names)})
    url_state.settle(key, exam_id, **{key: []})
    url_state.refuse_unknown_choices(key, list(lines), [])
    if len(lines) < 2:
        return ()
    chosen = st.multiselect(label, list(lines), key=key, bind="query-params", placeholder="All", width=190)
    return tuple(lines[line] for line in chosen)


def draw_form(sets: Sequence[Curated]) -> None:
    """Draw the form that freezes these sets, and above it what that gives."""
    headline, policy = st.container(), sets[0].policy
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_freeze"):
        url_state.refuse_unknown("texts", list(TEXTS), USUAL_TEXTS)
        words = st.selectbox(
            "A pair has", list(TEXTS), key="texts", bind="query-params", width=235, help="What each line teaches."
        )
        everything = st.toggle(
            "All accepted rationales",
            key="every",
            bind="query-params",
            help="Otherwise one for each mistake, drawn with the seed.",
        )
        seed = int(st.number_input("Seed of the draw", 0, 2**31 - 1, 0, key="seed", bind="query-params", width=125))
    trimming = trimming_form.choose_trimming()
    settings, split = DrawSettings(seed, everything, None, TEXTS[words], trimming), sets[0].exam.split
    with st.spinner("Drawing …"):
        guarded = draw_guarded(sets, settings, load_held_out()) if split == "train" else NOTHING_DRAWN
    pair_draw, is_refused = guarded.pair_draw, bool(guarded.leakage.leaks) or not guarded.pair_draw.pairs
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="mapd_freeze_act"):
        if actions.button("Freeze", type="primary", icon=":material/lock:", key="freeze", disabled=is_refused):
            _freeze(sets, settings)
        st.caption(f"Policy {text.label(lab.describe(policy), 200)}")
        # The link to the lab keeps the narrowing.
        teachers = {lab.TEACHERS_KEY: st.query_params.get_all(lab.TEACHERS_KEY)}
        context.link("pages/curate/threshold.py", "Change it", icon=":material/tune:", **teachers)
    with headline:
        _draw_headline(sets, pair_draw, settings)
    if split != "train":
        text.complain(f"nothing to freeze: this exam asked the {split} questions, which are never taught")
    elif not pair_draw.pairs:
        has_votes = any(curated.has_votes for curated in sets)
        cure = "lower the threshold, or judge" if has_votes else "ask reviewers for votes, or judge"
        missing = " or ".join(freezing.MISSING[kind] for kind in settings.texts)
        text.complain(f"nothing to freeze: no mistake has {missing} under this policy; {cure}")
    elif message := st.session_state.pop(MESSAGE, None):
        st.html(f'<div class="mapd-saved" role="status"><b>✓ {text.escape(message)}</b></div>')
    trimming_form.draw_leakage(guarded.leakage)
    trimming_form.draw_near(pair_draw, trimming)
    _draw_command(sets, settings)


def _draw_headline(sets: Sequence[Curated], pair_draw: PairDraw, settings: DrawSettings) -> None:
    """Draw the pairs that freezing would write, and the sets that they are drawn from."""
    counts, gold = [summary(curated) for curated in sets], any(curated.has_gold for curated in sets)
    mistakes, pairs = [m for curated in sets for m in curated.mistakes], pair_draw.pairs
    in_pairs = {pair.mistake.attempt.uid for pair in pairs}
    left_out = [m for m in mistakes if m.attempt.uid not in in_pairs]
    without_feedback = [m for m in left_out if m.covered and not m.feedback_stands]
    uncovered = [m for m in left_out if not m.covered and not (m.feedback_stands and Texts.FEEDBACK in settings.texts)]
    alone = [
        (sum(pair.feedback is None for pair in pairs), "a rationale alone"),
        (sum(pair.rationale is None for pair in pairs), "a feedback alone"),
    ]
    tables.draw_row(
        (len(pairs), "training pairs"),
        *([] if settings.is_usual else alone),
        (pair_draw.wrong if gold else None, "pairs with a wrong answer"),
        (len(in_pairs), "mistakes in these pairs"),
        (len(uncovered), "left out: nothing accepted"),
        *([(len(without_feedback), "left out: no feedback stands")] if Texts.RATIONALE not in settings.texts else []),
        *([(pair_draw.repeated, "left out: taught by another pair")] if pair_draw.repeated else []),
        *([(pair_draw.sealed, "left out: questions of a test split")] if pair_draw.sealed else []),
        *trimming_form.list_figures(pair_draw),
        (sum(x.accepted for x in counts), "rationales accepted"),
        (sum(x.accepted_wrong_answer for x in counts) if gold else None, "accepted, wrong answer"),
        (sum(x.overridden for x in counts), "overridden by people"),
    )


def _freeze(sets: Sequence[Curated], settings: DrawSettings) -> None:
    old_names = {row.sha256 for row in context.read(queries.snapshots)}

    def freeze(session: Session, person: Person) -> tuple[str, int]:
        row = freezing.freeze(
            session,
            *sets,
            by=person,
            seed=settings.seed,
            everything=settings.everything,
            texts=settings.texts,
            trimming=settings.trimming,
        )
        freezing.write(row, context.settings().home)
        return row.sha256, row.pairs

    sha256, pairs = context.write(freeze, context.acting_person())
    message = (
        "exists already: the same input gives the same snapshot" if sha256 in old_names else f"frozen: {pairs:,} pairs"
    )
    st.session_state[MESSAGE] = f"{sha256[:SHORT_NAME]} {message}"
    st.query_params["snapshot"] = sha256
    st.rerun()


def _draw_command(sets: Sequence[Curated], settings: DrawSettings) -> None:
    policy, narrowing = sets[0].policy, sets[0].narrowing
    options = [f"--exam {curated.exam.uid}" for curated in sets]
    options += [f"--policy {shlex.quote(policy.name)} --threshold {policy.threshold:g} --seed {settings.seed}"]
    options += ["--all"] if settings.everything else []
    options += [] if settings.is_usual else [f"--texts {','.join(settings.texts)}"]
    options += trimming_form.list_options(settings.trimming)
    options += [f"--teachers {shlex.quote(','.join(narrowing.teachers))}"] if narrowing.teachers else []
    options += [f"--task {shlex.quote(task)}" for task in narrowing.tasks]
    options += [f"--family {shlex.quote(family)}" for family in narrowing.families]
    with st.expander("The same in a terminal"):
        st.code(f"mapd curate snapshot {' '.join(options)}", language=None, wrap_lines=True)


def draw_list(rows: Sequence[t.Snapshot], open_sha256: str | None) -> None:
    """Draw every snapshot that is of the exam, too, the newest first, with what its own pairs hold."""
    header = ("snapshot", "made", "by", "policy", "of", "draw", "pairs", "mistakes", "wrong", "exams", "judgements")
    tables.draw_table(header, [_snapshot_row(row, open_sha256) for row in rows], words=6)
    st.caption("wrong: pairs whose rationale ends in a wrong answer, by the gold answers in the snapshot")


@st.cache_data(max_entries=500, show_spinner=False, hash_funcs={t.Snapshot: lambda row: row.sha256})
def read_pairs(row: t.Snapshot) -> SnapshotContents:
    """Return what a snapshot's own lines hold. They never change, so they are read once."""
    return freezing.count_contents(context.read(queries.snapshot_lines, queries.identity(row)), row.manifest)


def _snapshot_row(row: t.Snapshot, open_sha256: str | None) -> list[tables.Cell]:
    short = tables.link_cell(row.sha256[:SHORT_NAME], context.address("snapshots", snapshot=row.sha256))
    cells = [
        tables.Html(f"<b>{short}</b>") if row.sha256 == open_sha256 else short,
        times.cell(row.created_at),
        text.one_line(row.person, 30),
    ]
    if not snapshots.is_named(row):
        return [*cells, "damaged", None, None, None, None, None, None, None]
    manifest, policy = row.manifest, row.manifest["policy"]
    return [
        *cells,
        f"{text.one_line(policy['name'], 40)}, {'P(right)' if 'fit' in policy else 'mean'} > {policy['threshold']:.2f}",
        ", ".join(text.one_line(name, 30) for name in snapshots.list_narrowing(manifest)) or "all",
        _draw_words(manifest["draw"]),
        read_pairs(row).pairs,
        len(read_pairs(row).mistakes),
        read_pairs(row).wrong,
        len(snapshots.list_exams(manifest)),
        len(manifest["judgements"]),
    ]


def _draw_words(settings: Mapping[str, Any]) -> str:
    """Return how pairs were drawn, in words."""
    texts = f", {' or '.join(settings['texts'])}" if "texts" in settings else ""
    near = f", near-duplicates out at {settings['near_duplicates']:.0%}" if "near_duplicates" in settings else ""
    balance = f", {settings['balance']['most']} by {settings['balance']['by']}" if "balance" in settings else ""
    return f"{settings['pairs']}, seed {settings['seed']}{texts}{near}{balance}"


def draw_contents(row: t.Snapshot) -> None:
    """Draw one snapshot: its exams where it is of several, its downloads, its manifest, its pairs."""
    st.subheader(f"Snapshot {row.sha256[:SHORT_NAME]}", anchor=False)
    if len(snapshots.list_exams(row.manifest)) > 1:
        _draw_exams(row)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if exports.is_allowed():
            _draw_downloads(row)
            _draw_formats(row)
        st.html(f'<span class="mapd-note">sha256 of manifest.json: <code class="mapd-file">{row.sha256}</code></span>')
    view = snapshot_views.choose_view()
    if view != snapshot_views.PAIRS:
        snapshot_views.draw_view(view, row)
        return
    for number, line in take_page(list(enumerate(snapshots.lines_of(row.lines), 1)), PAGE_SIZE, "pairs_page"):
        _draw_pair(number, line)


def _draw_exams(row: t.Snapshot) -> None:
    """Draw the exams of a snapshot of several, each with a link to it among that exam's."""
    infos = {exam.uid: exam for exam in context.read(queries.exams_of_snapshot, queries.identity(row))}
    exams = [(infos[exam["uid"]], exam["counts"]) for exam in row.manifest["exams"] if exam["uid"] in infos]
    header = (f"of {len(exams)} exams", "student", "questions", "round", "mistakes", "covered")
    rows = [
        (
            tables.link_cell(
                text.one_line(exam.name, 80), context.address("snapshots", exam=exam.uid, snapshot=row.sha256)
            ),
            text.one_line(exam.student, 40),
            text.one_line(exam.question_set, 40),
            exam.round,
            counts["mistakes"],
            counts["covered"],
        )
        for exam, counts in exams
    ]
    tables.draw_table(header, rows, words=3)


def _draw_downloads(row: t.Snapshot) -> None:
    """Draw the buttons that save the snapshot as it is; each is noted under the person's name."""
    if not context.current_person().name:
        actions.ask("snapshot_files", "Download")
        return
    files = {"pairs.jsonl": row.lines.encode(), "manifest.json": snapshots.manifest_text(row.manifest).encode()}
    archive = f"snapshot-{row.sha256[:SHORT_NAME]}.zip"
    files_by_label = {"Download": (archive, _zip(files))} | {name: (name, body) for name, body in files.items()}
    for label, (name, body) in files_by_label.items():
        is_whole = label == "Download"
        st.download_button(
            label,
            body,
            name,
            icon=f":material/{'download' if is_whole else 'description'}:",
            on_click=_note_download,
            args=(row.sha256, name, body, row.pairs),
            type="primary" if is_whole else "secondary",
            key=f"get_{label}",
        )
    if reason := st.session_state.pop(DOWNLOAD_REFUSAL, None):
        text.complain(reason)


def _note_download(*download: Any) -> None:
    actions.write(lambda session, person: outgoing.note_download(session, *download, by=person), DOWNLOAD_REFUSAL)


def _draw_formats(row: t.Snapshot) -> None:
    """Draw the menu of formats that trainers take, and the command that does the same."""
    engine, sha256 = context.engine(), row.sha256
    words = {name: f"{name}: {format_.purpose}" for name, format_ in FORMATS.items()}
    files = {name: f"snapshot-{sha256[:SHORT_NAME]}-{name}{format_.ending}" for name, format_ in FORMATS.items()}

    def write(name: str, path: Path, person: Person) -> SnapshotExport:
        return outgoing.export(engine, sha256, FORMATS[name], path, by=person)

    with st.popover("Other formats", icon=":material/ios_share:", key="snapshot_formats"):
        name = "messages"
        if row.pairs > exports.MOST_ROWS:
            st.caption(f"More than {exports.MOST_ROWS:,} pairs are written by the command.")
        else:
            name = exports.draw_form("snapshot", sha256, words, files, write)
        if FORMATS[name].note:
            st.caption(text.label(FORMATS[name].note, 200))
        st.caption("The same in a terminal:")
        command = f"mapd export {sha256[:SHORT_NAME]} --format {name} -o {files[name]}"
        st.code(command, language=None, wrap_lines=True)


def _draw_pair(number: int, line: str) -> None:
    pair = snapshots.read_line(line)
    q, texts = pair["question"], [(kind, pair[kind]) for kind in ("feedback", "rationale") if kind in pair]
    block = prompts.question_block(q["text"], q["context"], q["options"])
    parts = (
        ("question", f"{text.foreign_html(block, max_chars=4000)}gold {text.gold_html(q['gold'], 60)}"),
        ("student", text.foreign_html(pair["attempt"]["text"], max_chars=2000)),
        *((f"{kind} · {_author(x)}", text.foreign_html(x["text"], max_chars=4000)) for kind, x in texts),
    )
    cells = "".join(tables.titled_block(title, body) for title, body in parts)
    title = text.foreign_line_html(q["text"], 160)
    st.html(
        f'<details class="mapd-pair"><summary><span class="mapd-note">{number:,}</span>{title}</summary>'
        f'<div class="mapd-pair-cells">{cells}</div></details>'
    )


def _author(explanation: dict[str, object]) -> str:
    marks = " (simulated)" if explanation["simulated"] else " (a repair)" if "repairs" in explanation else ""
    return f"{text.one_line(str(explanation['teacher']), 40)}{marks}"


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            # ZipInfo dates each file 1980: the same snapshot gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()
