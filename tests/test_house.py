"""Who may know whom (DESIGN.md): held by reading the imports of every module."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from mapd.store.tables import metadata

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "mapd").rglob("*.py"))
PURE = (
    "characters.py",
    "scores.py",
    "score_forms.py",
    "thoughts.py",
    "domain.py",
    "policies.py",
    "judgements.py",
    "checks.py",
    *(f"answers/{path.name}" for path in sorted((ROOT / "mapd" / "answers").glob("*.py"))),
    "questions/corrections.py",
    "questions/generated.py",
    "questions/values.py",
    "questions/options.py",
    "questions/golds.py",
    "questions/mapping.py",
    "questions/rows.py",
    "questions/tables.py",
    "questions/drafts.py",
    "questions/imports.py",
    "questions/formats/__init__.py",
    "questions/formats/format.py",
    "mistakes.py",
    "review/queues.py",
    "review/priority.py",
    "review/queue_index/bands.py",
    "review/disputed_steps.py",
    "review/annotators.py",
    "curation/threshold_sweep.py",
    "review/messages.py",
    "review/passages.py",
    "review/blinding.py",
    "review/cards.py",
    "review/practice.py",
    "review/filters.py",
)
DISTRIBUTIONS = packages_distributions()  # by module
OURS = ("mapd", "tests", "benchmarks", "examples", "reviewers")  # the last is a benchmark, beside the one that runs it
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
ROOMS = ("review", "api", "cli", "ui")  # above the stages; each knows those before it
STAGES = ("exam", "committee", "curation", "finetune")
# By room or module: the tables that it owns. SQL stands in the room that owns a table, and in the store.
OWNERS = {
    "questions": ("question_set", "question", "saved_mapping"),
    "students.py": ("student",),
    "exam.py": ("exam", "attempt", "prompt", "opening"),
    "teachers.py": ("teacher",),
    "approvals.py": ("key_approval",),
    "committee": ("call", "explanation", "review"),
    "curation": ("policy", "snapshot"),
    "review": (
        *("judgement", "guidelines", "rejection_reason", "saved_view", "lease", "seen", "dealt_card"),
        *("standing", "standing_exam", "band", "queued", "passed", "stale"),  # the queue index
    ),
    "finetune": ("finetune", "finetune_step"),
    "jobs": ("job", "worker"),
    "api/access.py": ("access_token",),
    "exchange": (),  # what comes in and goes out is of every table
    "store": ("audit", "claim", "committee_member", "ended_sign_in", "fingerprint"),
}


@cache
def imports(path: Path, *, top: bool = False) -> frozenset[str]:
    """The modules that a file imports; with `top` at module level alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules: set[str] = set()
    for node in tree.body if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return frozenset(modules)


def name(path: Path) -> str:
    return path.relative_to(ROOT / "mapd").as_posix()


def importers(*modules: str, top: bool = False) -> set[str]:
    """The files of ours that import one of these modules, or what lies in it."""
    inside = tuple(f"{module}." for module in modules)
    return {name(path) for path in MODULES if any(m in modules or m.startswith(inside) for m in imports(path, top=top))}


def test_only_ui_knows_streamlit() -> None:
    assert {m for m in importers("streamlit", "plotly", "mapd.ui") if not m.startswith("ui/")} == set()


def test_torch_stays_in_five_modules() -> None:
    own = {"models/local.py", "models/sandbox.py", "finetune/loss.py", "finetune/merged.py", "finetune/train.py"}
    assert importers("torch", "transformers", "peft") <= own
    lazily = ("mapd.models.local", "mapd.finetune.loss", "mapd.finetune.merged", "mapd.finetune.train")
    assert importers(*lazily, top=True) <= own


def test_the_sandbox_loads_torch_in_its_own_process_alone() -> None:
    assert "models/sandbox.py" not in importers("torch", "transformers", "peft", top=True)


def test_the_sdks_stay_behind_the_models() -> None:
    own = {"models/openai.py", "models/anthropic.py"}
    assert importers("openai", "anthropic") <= own
    lazily = ("mapd.models.openai", "mapd.models.anthropic", "mapd.models.served", "genai_prices")
    assert importers(*lazily, top=True) <= own


def test_tables_load_their_libraries_late() -> None:
    assert importers("datasets", "pyarrow") <= {"questions/sources.py", "questions/tables.py"}
    assert importers("datasets", "pyarrow", top=True) == set()


def test_rules_do_no_io() -> None:
    ways = ("sqlmodel", "sqlalchemy", "pathlib", "os", "socket", "subprocess", "requests", "httpx", "mapd.store.db")
    assert set(PURE) <= set(map(name, MODULES))
    assert importers(*ways) & set(PURE) == set()


def test_rules_load_no_database_and_no_page() -> None:
    modules = [f"mapd.{name.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}" for name in PURE]
    heavy = ("sqlalchemy", "sqlmodel", "streamlit", "torch", "transformers")
    code = (
        "import importlib, sys\n"
        f"for module in {modules}:\n"
        "    importlib.import_module(module)\n"
        f"    heavy = [name for name in {heavy} if name in sys.modules]\n"
        "    assert not heavy, f'{module} loads {heavy}'\n"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr.splitlines()[-1:]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_never_imports_another_stage(stage: str) -> None:
    others = importers(*(f"mapd.{other}" for other in STAGES if other != stage))
    assert {m for m in others if m.removesuffix(".py").split("/")[0] == stage} == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_rooms_above_the_stages_know_only_those_below(path: Path) -> None:
    own = name(path).split("/")[0]
    above = ROOMS[ROOMS.index(own) + 1 :] if own in ROOMS else ROOMS[:2]
    assert not [m for m in imports(path) for room in above if f"{m}.".startswith(f"mapd.{room}.")]


@pytest.mark.parametrize("path", [p for p in [*MODULES, *PAGES] if p in PAGES or name(p).startswith(("ui/", "cli/"))])
def test_pages_and_commands_ask_no_sql_of_their_own(path: Path) -> None:
    """SQL stands in the store, and in the stage or room that owns a table."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    of_sqlmodel = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "sqlmodel"]
    assert {alias.name for node in of_sqlmodel for alias in node.names} <= {"Session"}
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not attributes & {"sa.text", "sa.select", "sa.insert", "sa.update", "sa.delete"}


def builds_sql(path: Path) -> bool:
    """Whether a module builds a statement: with SQLAlchemy's functions, or as text."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    names = {ast.unparse(call) for call in calls}
    of_sqlalchemy = {f"{prefix}{name}" for prefix in ("", "sa.") for name in ("select", "insert", "update", "delete")}
    return bool(names & {*of_sqlalchemy, "sa.text"}) or any(name.endswith(".exec_driver_sql") for name in names)


def test_sql_stands_in_the_store_and_in_rooms_that_own_tables() -> None:
    rooms = tuple(f"{room}{'' if room.endswith('.py') else '/'}" for room in OWNERS)
    asking = {path.relative_to(ROOT).as_posix() for path in [*MODULES, *PAGES] if builds_sql(path)}
    assert {path for path in asking if not path.removeprefix("mapd/").startswith(rooms)} == set()
    for room in rooms:
        assert any(path.startswith(f"mapd/{room}") for path in asking), f"{room} needs no place among the owners"


def test_each_table_has_one_owner() -> None:
    assert sorted(table for tables in OWNERS.values() for table in tables) == sorted(metadata.tables)


def canonical(name: str) -> str:
    """The name of a distribution as indexes compare it, without its version."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()  # type: ignore[index]


def undeclared(paths: Iterable[Path], *extras: str) -> set[str]:
    """What these files import that is neither Python's, ours, nor a requirement, or one of these extras'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    more = (name for extra in extras for name in project["optional-dependencies"][extra])
    declared = set(map(canonical, [*project["dependencies"], *more]))
    found = set()
    for module in {module for path in paths for module in imports(path)}:
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top in OURS:
            continue
        package = "protobuf" if module.startswith("google.protobuf") else top  # a namespace of many distributions
        distributions = set(map(canonical, DISTRIBUTIONS.get(package, [package])))
        if not distributions & declared:
            found.add(module)
    return found


def test_what_is_imported_is_declared() -> None:
    assert undeclared([*MODULES, *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"], "gym") == set()
    others = [path for folder in ("tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")]
    assert undeclared(others, "dev", "gym", "serve") == set()


def test_pages_lie_one_folder_deep() -> None:
    assert list((ROOT / "pages").glob("*.py")) == []
    assert all(len(p.relative_to(ROOT / "pages").parts) == 2 for p in (ROOT / "pages").rglob("*.py"))


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for path in [*MODULES, *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]:
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60:
                long.append(f"{path.relative_to(ROOT)} {node.name}")
    assert long == []
