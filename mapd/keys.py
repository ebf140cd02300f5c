"""The key that stands under a variable's name: in the environment, else in `.streamlit/secrets.toml`.

    OPENAI_API_KEY = "sk-…"        such a line at the top of that file (git-ignored), in the folder where `mapd` runs

This is the only place that reads one. A key goes to its provider alone, never into a row, a log or an archive.
"""

import os
import tomllib
from pathlib import Path

from mapd.errors import BadInput

SECRETS = Path(".streamlit/secrets.toml")  # streamlit's own file, in the folder that the process runs in


def key(variable: str) -> str:
    """What stands under the name; empty where nothing does. The environment goes before the file.

    Raises: BadInput where the file can't be read, or has something else than text there. What it holds isn't told.
    """
    return os.environ.get(variable, "").strip() or _in_file(variable)


def _in_file(variable: str) -> str:
    try:
        found = tomllib.loads(SECRETS.read_text(encoding="utf-8")).get(variable, "")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise BadInput(f"{SECRETS} can't be read ({error.strerror}); unlock it, or export {variable}=…") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadInput(
            f'{SECRETS} is no TOML; write a line NAME = "KEY" for each key, in UTF-8, or export {variable}=…'
        ) from None  # the error may quote the file
    if not isinstance(found, str):
        raise BadInput(f'{SECRETS}: {variable} is no text; write {variable} = "KEY", in quotes and above any [section]')
    return found.strip()
