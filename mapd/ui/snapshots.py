"""The parts of the snapshots page: the form, the list, and the contents of one snapshot."""

import io
import json
import shlex
import zipfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from sqlmodel import Session

from mapd import prompts
from mapd.curation import snapshots as freezing
from mapd.curation.curated import Curated
from mapd.curation.snapshots import Pair, SnapshotContents
from mapd.curation.summary import summary
from mapd.exchange.training import FORMATS
from mapd.exchange.training import snapshots as outgoing
from mapd.exchange.training.snapshots import SnapshotExport
from mapd.people import Person
from mapd.store import queries, snapshots
from mapd.store import tables as t
from mapd.ui.kit import actions, context, exports, tables, text, times
from mapd.ui.kit.pagination import take_page
from mapd.ui.threshold import lab

# Letters of a sha256 that are shown; the address has all of them.
SHORT_NAME = 12
# Pairs on a page: each is a question and three texts.
PAGE_SIZE = 10
MESSAGE = "snapshot_made"


def draw_form(curated: Curated) -> None:
    """Draw the form that freezes the current set, and above it what that gives."""
    counts, headline = summary(curated), st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_freeze"):
        everything = st.toggle(
            "All accepted rationales",
            key="every",
            bind="query-params",
            help="Otherwise one for each mistake, drawn with the seed.",
        )
        seed = int(st.number_input("Seed of the draw", 0, 2**31 - 1, 0, key="seed", bind="query-params", width=150))
        if actions.button("Freeze", type="primary", icon=":material/lock:", key="freeze", disabled=not counts.pairs):
            _freeze(curated, seed, everything)
        st.caption(f"Policy {text.label(lab.describe(curated.policy), 200)}")
        # The link to the lab keeps the narrowing.
        teachers = {lab.TEACHERS_KEY: st.query_params.get_all(lab.TEACHERS_KEY)}
        context.link("pages/curate/threshold.py", "Change it", icon=":material/tune:", **teachers)
    with headline:
        _draw_headline(curated, freezing.draw(curated, seed=seed, everything=everything))
    if not counts.pairs:
        cure = "lower the threshold, or judge" if curated.has_votes else "ask reviewers for votes, or judge"
        text.complain(
            "nothing to freeze: no mistake has an accepted rationale and a standing feedback under this policy; " + cure
        )
    elif message := st.session_state.pop(MESSAGE, None):
        st.html(f'<div class="mapd-saved" role="status"><b>✓ {text.escape(message)}</b></div>')
    _draw_command(curated, seed, everything)


def _draw_headline(curated: Curated, pairs: Sequence[Pair]) -> None:
    """Draw the pairs that freezing would write, and the set that they are drawn from."""
    counts, gold = summary(curated), curated.has_gold
    tables.draw_row(
        (len(pairs), "training pairs"),
        (freezing.count_wrong(pairs) if gold else None, "pairs with a wrong answer"),
        (counts.pairs, "mistakes in these pairs"),
        (counts.mistakes - counts.mistakes_covered, "left out: nothing accepted"),
        (counts.mistakes_covered - counts.pairs, "left out: no feedback stands"),
        (counts.accepted, "rationales accepted"),
        (counts.accepted_wrong_answer if gold else None, "accepted, wrong answer"),
        (counts.overridden, "overridden by people"),
    )


def _freeze(curated: Curated, seed: int, everything: bool) -> None:
    old_names = {row.sha256 for row in context.read(queries.snapshots)}

    def freeze(session: Session, person: Person) -> tuple[str, int]:
        row = freezing.freeze(session, curated, by=person, seed=seed, everything=everything)
        freezing.write(row, context.settings().home)
        return row.sha256, row.pairs

    sha256, pairs = context.write(freeze, context.acting_person())
    message = (
        "exists already: the same input gives the same snapshot" if sha256 in old_names else f"frozen: {pairs:,} pairs"
    )
    st.session_state[MESSAGE] = f"{sha256[:SHORT_NAME]} {message}"
    st.query_params["snapshot"] = sha256
    st.rerun()


def _draw_command(curated: Curated, seed: int, everything: bool) -> None:
    policy = curated.policy
    options = f"--policy {policy.name} --threshold {policy.threshold:g} --seed {seed}{' --all' if everything else ''}"
    if curated.narrowed_to:
        options += f" --teachers {shlex.quote(','.join(curated.narrowed_to))}"
    with st.expander("The same in a terminal"):
        st.code(f"mapd curate snapshot --exam {curated.exam.uid} {options}", language=None, wrap_lines=True)


def draw_list(rows: Sequence[t.Snapshot], open_sha256: str | None) -> None:
    """Draw every snapshot of the exam, the newest first, with what its own pairs hold."""
    header = ("snapshot", "made", "by", "policy", "teachers", "draw", "pairs", "mistakes", "wrong", "judgements")
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
        return [*cells, "damaged", None, None, None, None, None, None]
    manifest, policy = row.manifest, row.manifest["policy"]
    return [
        *cells,
        f"{text.one_line(policy['name'], 40)} > {policy['threshold']:.2f}",
        ", ".join(text.one_line(name, 30) for name in manifest.get("narrowed_to", ())) or "all",
        f"{manifest['draw']['pairs']}, seed {manifest['draw']['seed']}",
        read_pairs(row).pairs,
        len(read_pairs(row).mistakes),
        read_pairs(row).wrong,
        len(manifest["judgements"]),
    ]


def draw_contents(row: t.Snapshot) -> None:
    """Draw one snapshot: its downloads, its manifest, its pairs."""
    st.subheader(f"Snapshot {row.sha256[:SHORT_NAME]}", anchor=False)
    files = {"pairs.jsonl": row.lines, "manifest.json": snapshots.manifest_text(row.manifest)}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            "Download",
            _zip(files),
            f"snapshot-{row.sha256[:SHORT_NAME]}.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
            type="primary",
        )
        for name, body in files.items():
            st.download_button(name, body, name, icon=":material/description:", on_click="ignore", key=f"get_{name}")
        if exports.is_allowed():
            _draw_formats(row)
        st.html(f'<span class="mapd-note">sha256 of manifest.json: <code class="mapd-file">{row.sha256}</code></span>')
    with st.expander("Manifest"):
        st.code(json.dumps(row.manifest, indent=2, ensure_ascii=False), language=None, wrap_lines=True)
    for number, line in take_page(list(enumerate(snapshots.lines_of(row.lines), 1)), PAGE_SIZE, "pairs_page"):
        _draw_pair(number, line)


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
    q, rationale, feedback = pair["question"], pair["rationale"], pair["feedback"]
    block = prompts.question_block(q["text"], q["context"], q["options"])
    parts = (
        ("question", f"{text.foreign_html(block, max_chars=4000)}gold {text.gold_html(q['gold'], 60)}"),
        ("student", text.foreign_html(pair["attempt"]["text"], max_chars=2000)),
        (f"feedback · {_author(feedback)}", text.foreign_html(feedback["text"], max_chars=4000)),
        (f"rationale · {_author(rationale)}", text.foreign_html(rationale["text"], max_chars=4000)),
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


def _zip(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            # ZipInfo dates each file 1980: the same snapshot gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()
