"""The key that stands under a variable's name: in the environment, else in `.streamlit/secrets.toml`.

    OPENAI_API_KEY = "sk-…"        such a line at the top of that file (git-ignored), in the folder where `mapd` runs

This is the only place that reads one. A key goes to the servers that it was approved for (approvals.py), never into a
row, a log or an archive.
"""

import os
import re
import tomllib
from pathlib import Path

from mapd.errors import BadInput
from mapd.settings import Settings

NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}", re.ASCII)
# No key may stand under these names: MAPD_DATABASE_URL holds a password.
OURS = frozenset(f"MAPD_{setting.upper()}" for setting in Settings.model_fields)
# Streamlit's own file, in the folder that the process runs in.
SECRETS = Path(".streamlit/secrets.toml")


def check_name(variable: str) -> str:
    """Return the name of a key's variable, if it looks like one: MISTRAL_API_KEY, MY_KEY, MAPD_TEACHER.

    Raises: BadInput where it doesn't. What isn't a name isn't shown: it may be the key itself.
    """
    if not NAME.fullmatch(variable):
        raise BadInput(
            "key_env takes the NAME of the variable that holds the key (capitals, digits and _, such as "
            "OPENAI_API_KEY), never the key itself; what was given is not kept"
        )
    if variable in OURS or not (variable.endswith("_KEY") or variable.startswith("MAPD_")):
        raise BadInput(
            "a key's name ends in _KEY or begins with MAPD_, and is no setting of MAPD's own; put the key under such a "
            "name: what was given is not kept"
        )
    return variable


def read_key(variable: str) -> str:
    """Return the key under the name; empty where there is none. The environment goes before the file.

    Raises: BadInput where the file can't be read, or has something else than text there. What it holds isn't told.
    """
    return os.environ.get(variable, "").strip() or _in_file(variable)


def _in_file(variable: str) -> str:
    try:
        value = tomllib.loads(SECRETS.read_text(encoding="utf-8")).get(variable, "")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise BadInput(f"{SECRETS} can't be read ({error.strerror}); unlock it, or export {variable}=…") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadInput(
            f'{SECRETS} is no TOML; write a line NAME = "KEY" for each key, in UTF-8, or export {variable}=…'
        ) from None  # the error may quote the file
    if not isinstance(value, str):
        raise BadInput(f'{SECRETS}: {variable} is no text; write {variable} = "KEY", in quotes and above any [section]')
    return value.strip()
