"""Who may know whom (DESIGN.md): held by reading the imports of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "mapd").rglob("*.py"))
PURE = (
    "characters.py",
    "scores.py",
    "verdicts.py",
    "checks.py",
    "questions/grading.py",
    "questions/generated.py",
    "mistakes.py",
    "curation/queues.py",
    "curation/suspicion.py",
    "curation/places.py",
    "curation/first.py",
    "curation/named.py",
    "curation/practice.py",
    "curation/records.py",
    "curation/figures.py",
)
STAGES = ("exam", "committee", "curation", "finetune")


def imports(path: Path, *, top: bool = False) -> Iterator[str]:
    """The modules that a file imports; with `top` at module level alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name(path: Path) -> str:
    return path.relative_to(ROOT / "mapd").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_ui_knows_streamlit(path: Path) -> None:
    if not name(path).startswith("ui/"):
        assert not [m for m in imports(path) if m.split(".")[0] in ("streamlit", "plotly")]
        assert not [m for m in imports(path) if m.startswith("mapd.ui")]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_torch_stays_in_four_modules(path: Path) -> None:
    if name(path) not in ("models/local.py", "finetune/loss.py", "finetune/merged.py", "finetune/train.py"):
        assert not [m for m in imports(path) if m.split(".")[0] in ("torch", "transformers", "peft")]
        lazily = {"mapd.models.local", "mapd.finetune.loss", "mapd.finetune.merged", "mapd.finetune.train"}
        assert not lazily & set(imports(path, top=True))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_sdks_stay_behind_the_models(path: Path) -> None:
    if name(path) not in ("models/openai.py", "models/anthropic.py"):
        assert not [m for m in imports(path) if m.split(".")[0] in ("openai", "anthropic")]
        lazily = {"mapd.models.openai", "mapd.models.anthropic", "mapd.models.served", "genai_prices"}
        assert not lazily & set(imports(path, top=True))


@pytest.mark.parametrize("rule", PURE)
def test_rules_do_no_io(rule: str) -> None:
    allowed = ("sqlmodel", "sqlalchemy", "pathlib", "os", "socket", "subprocess", "requests", "httpx", "mapd.store.db")
    assert not set(imports(ROOT / "mapd" / rule)) & set(allowed)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_stage_never_imports_another_stage(path: Path) -> None:
    own = name(path).removesuffix(".py").split("/")[0]
    if own in STAGES:
        others = {f"mapd.{stage}" for stage in STAGES if stage != own}
        assert not [m for m in imports(path) if any(m == o or m.startswith(o + ".") for o in others)]


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
