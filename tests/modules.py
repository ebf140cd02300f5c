"""Write the README's list of modules: each by the first sentence of its docstring.

python -m tests.modules            # prints the list
python -m tests.modules --write    # puts it into README.md; tests/test_docs.py holds that it is there
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- modules -->\n\n```\n).*?(```\n\n<!-- /modules -->)", re.DOTALL)


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(doc.split("\n\n")[0].split())
    # "Pure." and what else stands behind the first sentence is left out.
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0].rstrip(".")


def name_of(path: Path) -> str:
    """A module as the list names it: a folder with its path, a file below it by its name."""
    folder = path.parent.relative_to(ROOT).as_posix() + "/"
    return folder if path.name == "__init__.py" else f"  {path.name}"


def listing() -> str:
    """Every module of mapd/, a line each, a room after the other; the rooms behind what lies in mapd/ itself."""
    paths = [path for path in (ROOT / "mapd").rglob("*.py") if "migrations" not in path.parts]
    # Within a room its own files come before the rooms inside it.
    paths.sort(key=lambda path: (path.parent.parts, path.name != "__init__.py", path.name))
    return "".join(f"{name_of(path):<24} {sentence(path)}\n" for path in paths)


def main() -> None:
    """Print the list, or write it."""
    if "--write" not in sys.argv:
        sys.stdout.write(listing())
        return
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda match: match[1] + listing() + match[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
