"""CONTRIBUTING's lists: each file that they name is there, and what they tell to add is added as they say."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.provider import Provider

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = GUIDE[GUIDE.index("## How to add") : GUIDE.index("## A reader's test")]
LISTS = dict(re.findall(r"\*\*(An? [\w ]+)\*\*\n\n((?:.|\n)+?)(?=\n\*\*|\Z)", SECTION))
TITLES = (
    "A question format",
    "A check",
    "A policy",
    "An input of fitted policies",
    "A teacher kind",
    "A page",
    "An export format",
    "A migration",
)


def paths(title: str) -> list[str]:
    """The files that a list names, in its order."""
    return list(dict.fromkeys(re.findall(r"(?:mapd|pages|tests)/[\w/.-]+\.(?:py|ini)|(?<=`)app\.py", LISTS[title])))


@pytest.mark.parametrize("title", TITLES)
def test_each_list_is_short_and_names_files_that_are_there(title: str) -> None:
    assert set(LISTS) == set(TITLES)
    assert len(LISTS[title].splitlines()) <= 14
    assert len(paths(title)) > 1
    assert [path for path in paths(title) if not (ROOT / path).is_file()] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a copy of the package."""
    shutil.copytree(ROOT / "mapd", tmp_path / "mapd", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(folder: Path, title: str, pattern: str, replacement: str) -> None:
    """Change one of the files that a list names, in the copy: the one in which the pattern stands."""
    places = [folder / path for path in paths(title) if path.startswith("mapd/")]
    texts = {place: place.read_text(encoding="utf-8") for place in places}
    hits = [place for place, text in texts.items() if re.search(pattern, text, flags=re.DOTALL)]
    assert len(hits) == 1, f"{title}: {pattern!r} stands in {hits or 'none of its files'}"
    hits[0].write_text(re.sub(pattern, replacement, texts[hits[0]], count=1, flags=re.DOTALL), encoding="utf-8")


def run(folder: Path, lines: Sequence[str]) -> None:
    """Run these lines with the copy's package."""
    code = "\n".join(("import sys", f"sys.path.insert(0, {str(folder)!r})", *lines))
    child = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-2000:]


def test_a_question_format_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "A question format")
    text = (ROOT / paths("A question format")[0]).read_text(encoding="utf-8")
    body = text[text.index("from mapd.answers") :].split("SVAMP = ")[0].replace(", shares_of", "")
    shape = 'shape("question=Riddle,answer=Solution", fields="Riddle Solution")'
    body += f'RIDDLES = Format("riddles", Task.TEXT, ({shape},))\n'
    (folder / "mapd/questions/formats/riddles.py").write_text(body, encoding="utf-8")
    change(r"(from mapd\.questions\.formats\.svamp)", r"from mapd.questions.formats.riddles import RIDDLES\n\1")
    change(r"_ALL = \(", "_ALL = (RIDDLES, ")
    run(
        folder,
        [
            "from mapd.questions.formats import recognise",
            "rows = [{'Riddle': 'What has keys?', 'Solution': 'a piano'}] * 3",
            "assert recognise('r.jsonl', rows)[0].name == 'riddles'",
        ],
    )


def test_a_check_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "A check")
    change(r'(class RationaleChecks:.*?limit: str = ""\n)', r"\1    is_short: State = State.NOTHING\n")
    change(
        r"_shows_work\(text, task\), limit\)",
        "_shows_work(text, task), limit, State.HOLDS if len(text) < 90 else State.FAILS)",
    )
    change("CHECKS_VERSION = 1", "CHECKS_VERSION = 2")
    change(r'(    SHOWS_WORK = "shows_work"\n)', r'\1    IS_SHORT = "is_short"\n')
    change(r"(    shows_work: State = State\.NOTHING\n)", r"\1    is_short: State = State.NOTHING\n")
    change(r"(_RATIONALE_FAILS = \{\n)", r'\1    (Check.IS_SHORT, State.FAILS): "it is long",\n')
    change(r"checks\.shows_work\)", "checks.shows_work, checks.is_short)")
    change(r'Check\.SHOWS_WORK: "work"', 'Check.SHOWS_WORK: "work", Check.IS_SHORT: "short"')
    change(r'Check\.SHOWS_WORK: "shows work"', 'Check.SHOWS_WORK: "shows work", Check.IS_SHORT: "is short"')
    run(
        folder,
        [
            "from pathlib import Path",
            f"sys.path.append({str(ROOT)!r})",
            "from tests import looped",
            "from mapd.checks import State",
            "from mapd.curation import live_set",
            "from mapd.domain import Verdict",
            "from mapd.policies import PRESETS, Check, Policy",
            "from mapd.settings import Settings",
            "from mapd.store import db, queries",
            "from mapd.ui.kit import rows",
            "from mapd.ui.threshold import lab",
            "import mapd.curation.curated as module",
            f"assert module.__file__.startswith({str(folder)!r})",
            "engine = db.open_store(Settings(home=Path('home'), database_url=None))",
            "looped.go_round(engine)",
            "short = Policy('short', threshold=0, checks=frozenset({Check.IS_SHORT}))",
            "with db.reading(engine) as session:",
            "    sets = [live_set.load_curated(session, exam.id, short) for exam in queries.exams(session)]",
            "texts = [x for curated in sets for x in curated.rationales]",
            "long = [x for x in texts if x.states.is_short is State.FAILS]",
            "assert 0 < len(long) < len(texts)",
            "assert all(x.committee.why == 'it is long' and x.verdict is Verdict.REJECTED for x in long)",
            "assert Check.IS_SHORT not in PRESETS['strict'].checks",
            "assert rows.CHECKS[Check.IS_SHORT] == 'short' and lab.CHECKS[Check.IS_SHORT] == 'is short'",
        ],
    )


def test_a_policy_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "A policy")
    change(r"(PRESETS: Mapping\[.*?for p in \(PAPER, STRICT)\)", r'\1, Policy("mild", threshold=2.5))')
    run(
        folder,
        [
            "from mapd.domain import Verdict",
            "from mapd.policies import PRESETS, CheckStates, decide_rationale",
            "assert decide_rationale([3], PRESETS['mild'], CheckStates()).verdict is Verdict.ACCEPTED",
            "assert decide_rationale([3], PRESETS['paper'], CheckStates()).verdict is Verdict.REJECTED",
        ],
    )


MIRROR = """
from mapd.models.base import HOMES
from mapd.models.openai import OpenAIModel

class MirrorModel(OpenAIModel):
    home = HOMES["mirror"]
"""
MIGRATION = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
KINDS = "kind IN ('imported', 'person', 'openai', 'anthropic', 'local', 'simulated', 'mirror')"

def upgrade():
    with op.batch_alter_table("teacher") as batch:
        batch.drop_constraint("kind_words", type_="check")
        batch.create_check_constraint("kind_words", KINDS)
"""


def test_a_teacher_kind_is_added_as_the_list_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = partial(edit, folder, "A teacher kind")
    (folder / "mapd/models/mirror.py").write_text(MIRROR, encoding="utf-8")
    with Provider() as server:
        change(r"(HOMES: Mapping\[str, str\] = \{)", rf'\1"mirror": "{server.url}", ')
        change(r"(KEY_VARIABLES = \{)", r'\1"mirror": "MIRROR_API_KEY", ')
        change(r"(OF_PROVIDERS = \{)", r'\1"MIRROR_API_KEY": "mirror", ')
        change(r"(PATHS = \{)", r'\1"mirror": ("/chat/completions",), ')
        opening = r'    if teacher.kind == "mirror":\n        from mapd.models.mirror import MirrorModel\n\n'
        opening += r"        return MirrorModel(teacher.model, **options)\n"
        change(r'(    if teacher\.kind == "openai":\n)', rf"{opening}\1")
        change(r'(    "openai": "Any server)', r'    "mirror": "A mirror.",\n\1')
        change(r"(DEFAULT_SERVERS = \{)", r'\1"mirror": "the mirror\'s own", ')
        change(r'("anthropic", "local", "simulated")', r'\1, "mirror"')
        versions = folder / "mapd/store/migrations/versions"
        head = max(path.name for path in versions.glob("[0-9]*.py"))[:4]
        (versions / "9999_mirror.py").write_text(MIGRATION.format(head=head), encoding="utf-8")
        monkeypatch.setenv("MIRROR_API_KEY", "a-key-of-the-mirror")
        run(
            folder,
            [
                "from mapd import people, teacher_models, teachers",
                "from mapd.settings import Settings",
                "from mapd.store import db",
                "engine = db.open_store(Settings(home='home', database_url=None))",
                "with db.writing(engine) as session:",
                "    words = {'kind': 'mirror', 'model': 'm', 'key_env': 'MIRROR_API_KEY', 'by': people.owner('ann')}",
                "    teachers.add(session, 'glass', **words)",
                "with db.reading(engine) as session:",
                "    row = teachers.get(session, 'glass')",
                "trial = teacher_models.test(engine, row)",
                "assert trial.ok, trial",
            ],
        )
        assert server.asked


def test_a_page_is_added_as_the_list_says(folder: Path) -> None:
    shutil.copytree(ROOT / "pages", folder / "pages")
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit", ignore=shutil.ignore_patterns("secrets.toml"))
    shutil.copyfile(ROOT / "app.py", folder / "app.py")
    model = (folder / "pages/curate/snapshots.py").read_text(encoding="utf-8")
    body = (
        model[: model.index("def draw_page")]
        + "def draw_page(exam_id: int) -> None:\n    st.caption(f'exam {exam_id}')\n"
    )
    page = folder / "pages/curate/numbers.py"
    page.write_text(f'{body}\n\nframe.draw_exam_page("Numbers", draw_page, rows.STYLE)\n', encoding="utf-8")
    app = (folder / "app.py").read_text(encoding="utf-8")
    line = 'st.Page("pages/curate/numbers.py", title="Numbers"),'
    (folder / "app.py").write_text(app.replace('"Curate": [', f'"Curate": [{line}'), encoding="utf-8")
    run(
        folder,
        [
            "import os",
            "os.environ['MAPD_HOME'] = 'home'",
            f"sys.path.append({str(ROOT)!r})",
            "from tests import looped",
            "from mapd.settings import Settings",
            "from mapd.store import db",
            "looped.go_round(db.open_store(Settings()))",
            "from streamlit.testing.v1 import AppTest",
            "app = AppTest.from_file('app.py', default_timeout=60)",
            "app.switch_page('pages/curate/numbers.py').run()",
            "assert not app.exception, app.exception",
            "assert any('exam ' in caption.value for caption in app.caption)",
        ],
    )


def test_an_export_format_is_added_as_the_list_says(folder: Path) -> None:
    change = partial(edit, folder, "An export format")
    text = (folder / "mapd/exchange/training/messages.py").read_text(encoding="utf-8")
    name = "MESSAGES = TrainingFormat("
    body = text[: text.index(name)] + 'LINES = TrainingFormat("lines", "a line a text", ".jsonl", write)\n'
    (folder / "mapd/exchange/training/lines.py").write_text(body, encoding="utf-8")
    change(r"(from mapd\.exchange\.training\.llama_factory)", r"from mapd.exchange.training.lines import LINES\n\1")
    change(r"_ALL = \(", "_ALL = (LINES, ")
    run(
        folder,
        [
            "import os",
            "os.environ['MAPD_HOME'] = 'home'",
            f"sys.path.append({str(ROOT)!r})",
            "from tests import looped",
            "from mapd.cli import main",
            "from mapd.settings import Settings",
            "from mapd.store import db, queries",
            "engine = db.open_store(Settings())",
            "looped.go_round(engine)",
            "with db.reading(engine) as session:",
            "    rows = [row for exam in queries.exams(session) for row in queries.snapshots(session, exam.id)]",
            "sys.argv = ['mapd', 'export', rows[0].sha256, '--format', 'lines', '-o', 'rows.jsonl']",
            "try:",
            "    main()",
            "except SystemExit as end:",
            "    assert end.code == 0",
            "assert len(open('rows.jsonl').readlines()) > 1",
        ],
    )
