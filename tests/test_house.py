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
    "adaptive.py",
    "own_answers.py",
    "probability.py",
    "judgements.py",
    "arithmetic.py",
    "equations.py",
    "gold_statements.py",
    "checks.py",
    "calculations.py",
    "criticisms.py",
    "alignment.py",
    "statistics.py",
    *(f"answers/{path.name}" for path in sorted((ROOT / "mapd" / "answers").glob("*.py"))),
    "questions/generated.py",
    "questions/values.py",
    "questions/options.py",
    "questions/golds.py",
    "questions/mapping.py",
    "questions/rows.py",
    "questions/wordings.py",
    "questions/tables.py",
    "questions/file_table.py",
    "questions/drafts.py",
    "questions/imports.py",
    "questions/formats/__init__.py",
    "questions/formats/format.py",
    "review/queues.py",
    "review/priority.py",
    "review/queue_index/bands.py",
    "review/disputed_steps.py",
    "review/annotators.py",
    "curation/threshold_sweep.py",
    "curation/cut_columns.py",
    "curation/precision_recall.py",
    "curation/reliability.py",
    "curation/policy_sets.py",
    "review/audit_weights.py",
    "curation/curated.py",
    "curation/decided_texts.py",
    "curation/inputs.py",
    "curation/feedback_inputs.py",
    "curation/fit_reasons.py",
    "curation/labels.py",
    "curation/fitting.py",
    "curation/summary.py",
    "curation/agreement.py",
    "curation/biases.py",
    "curation/regression.py",
    "curation/resampling.py",
    "curation/reviewer_stats.py",
    "curation/score_table.py",
    "curation/text_verdicts.py",
    "model_makers.py",
    "curation/likeness.py",
    "curation/near_duplicates.py",
    "curation/trimming.py",
    "curation/pairs.py",
    "review/messages.py",
    "review/card_messages.py",
    "review/deals.py",
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
# They know all work: each stage's, and what derives the queue index.
LEVELS = {f"jobs/{name}.py": "review" for name in ("kinds", "work", "refit_work")}
STAGES = ("exam", "committee", "curation", "finetune")
# By room or module: the tables that it owns. SQL stands in the room that owns a table, and in the store.
OWNERS = {
    "questions": ("question_set", "question", "saved_mapping"),
    "students.py": ("student",),
    "exam.py": ("exam", "prompt", "opening"),
    "attempts.py": ("attempt",),
    "teachers.py": ("teacher",),
    "approvals.py": ("key_approval",),
    "committee": ("call", "explanation", "review"),
    "curation": ("policy", "snapshot", "snapshot_exam"),
    "review": (
        *("judgement", "guidelines", "rejection_reason", "saved_view", "lease", "seen", "dealt_card"),
        *("standing", "standing_exam", "band", "queued", "passed", "stale", "text_check"),  # the queue index
    ),
    "finetune": ("finetune", "finetune_step", "finetune_answer"),
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


def test_torch_stays_in_few_modules() -> None:
    own = {f"models/{name}.py" for name in ("decoding", "loader", "local", "sandbox")}
    own |= {f"finetune/{name}.py" for name in ("checkpoints", "learners", "loss", "merged", "processes", "train")}
    assert importers("torch", "transformers", "peft") <= own
    lazily = (
        "mapd.models.decoding",
        "mapd.models.loader",
        "mapd.models.local",
        "mapd.finetune.checkpoints",
        "mapd.finetune.learners",
        "mapd.finetune.loss",
        "mapd.finetune.merged",
        "mapd.finetune.processes",
        "mapd.finetune.train",
    )
    assert importers(*lazily, top=True) <= own


def test_the_sandbox_loads_torch_in_its_own_process_alone() -> None:
    assert "models/sandbox.py" not in importers("torch", "transformers", "peft", top=True)


def test_the_sdks_stay_behind_the_models() -> None:
    own = {f"models/{name}.py" for name in ("openai", "anthropic", "completions", "reply_stream")}
    assert importers("openai", "anthropic") <= own
    lazily = ("mapd.models.openai", "mapd.models.anthropic", "mapd.models.served", "genai_prices")
    assert importers(*lazily, top=True) <= own


def test_tables_load_their_libraries_late() -> None:
    own = {"questions/sources.py", "questions/tables.py", "exchange/training/parquet.py"}
    assert importers("datasets", "pyarrow") <= own
    assert importers("datasets", "pyarrow", top=True) == set()


def test_what_fits_a_policy_loads_its_library_late() -> None:
    own = {"curation/fitting.py", "curation/agreement.py", "similar_pairs.py"}
    assert importers("sklearn") == own
    own |= {f"curation/{name}.py" for name in ("regression", "resampling", "reviewer_stats", "score_table", "biases")}
    assert importers("sklearn", "statsmodels", "krippendorff", "numpy", top=True) & own == set()


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
    own = LEVELS.get(name(path), name(path).split("/")[0])
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
    assert undeclared([*MODULES, *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"], "gym", "vllm", "wandb") == set()
    others = [path for folder in ("tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")]
    # A peer of a benchmark runs in an environment of its own.
    assert undeclared(others, "dev", "gym", "serve") <= {"xllamacpp"}


def test_pages_lie_one_folder_deep() -> None:
    assert list((ROOT / "pages").glob("*.py")) == []
    assert all(len(p.relative_to(ROOT / "pages").parts) == 2 for p in (ROOT / "pages").rglob("*.py"))


# --- How it reads -----------------------------------------------------------------------------------------------------

CODE = [path for path in (*MODULES, *PAGES) if "migrations" not in path.parts]
# Bare participles and pointing words: as a name they don't say what a value is.
POINTING = frozenset(
    "found said told given asked shown kept there own here made taken wanted done left seen known chosen held come"
    " gone put got one other others some more all_ mine theirs behind before beside aside away whole rest which whom"
    " what whose listed drawn named opened settled heard".split()
)
# The words of the client's JSON, of columns, and of a comparison's two exams, are such names.
MOST_POINTING = 0.005
# By what each is: the tables, a format, the simulated teachers.
LONG = {  # tables, a format, the simulated teachers
    "store/tables.py",
    "exchange/authors.py",
    "models/simulated.py",
}
QUESTION = re.compile(r"\s*(What|Whether|Where|Who|Whose|How|Whom|Which|That|Why|When)\b")


@cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    """Every node of the code, each with its place."""
    trees = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in CODE]
    return tuple(
        (f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node)
        for path, tree in trees
        for node in ast.walk(tree)
    )


def names_of(node: ast.AST) -> list[str]:
    """The names that a node gives: a function's and its parameters', a class's, a variable's."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        args = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        return [node.name, *(arg.arg for arg in args)]
    if isinstance(node, ast.ClassDef):
        return [node.name]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def test_names_are_nouns_and_functions_verbs() -> None:
    names = [(where, name) for where, node in nodes() for name in names_of(node)]
    pointing = [f"{where} {name}" for where, name in names if name.strip("_") in POINTING]
    assert len(pointing) <= MOST_POINTING * len(names), pointing


def test_a_name_is_the_name_of_one_class() -> None:
    classes = [node.name for _, node in nodes() if isinstance(node, ast.ClassDef)]
    assert len({name for name in classes if classes.count(name) > 1}) <= 3


def test_docstrings_begin_with_a_verb() -> None:
    functions = [(w, n) for w, n in nodes() if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    docs = [(where, ast.get_docstring(f) or "") for where, f in functions if not f.name.startswith("_")]
    questions = [where for where, doc in docs if QUESTION.match(doc)]
    assert len(questions) <= 0.03 * sum(bool(doc) for _, doc in docs), questions


def test_comments_say_why() -> None:
    lines = [line for path in CODE for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum(line.lstrip().startswith("#") for line in lines) >= 0.026 * len(lines)


def test_a_module_is_read_at_one_sitting() -> None:
    long = {name(path) for path in MODULES if path in CODE and path.read_text(encoding="utf-8").count("\n") > 400}
    assert long - LONG == set()
    assert LONG - long == set(), "shorter now: out of the list"


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60:
                long.append(f"{path.relative_to(ROOT)} {node.name}")
    assert long == []
