"""A command of ours run in a process of its own, where a page needs what may load torch or a whole model.

run_command(["teachers", "test", "--json", "--", "mini"], 150)
-> CommandRun(code=0, values={"ok": True, "text": "2 + 2 = 4", …}, error=None)
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CommandRun:
    """How a command ended. `values`: its line of JSON, if it printed one; `error`: its own line on what went wrong.

    `code`: None where it didn't end in time, or couldn't be started.
    """

    code: int | None
    values: dict[str, Any] | None = None
    error: str | None = None


def run_command(words: Sequence[str], patience_s: float) -> CommandRun:
    """Run `mapd` with these words. What it printed that is no line of ours isn't shown: it may hold anything."""
    command = [sys.executable, "-m", "mapd.cli", *words]
    # Replies may hold characters that the console's encoding lacks.
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:replace"}
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            encoding="utf-8",
            errors="replace",
            timeout=patience_s,
        )
    except subprocess.TimeoutExpired:
        return CommandRun(None)
    # A word that no command line takes.
    except (OSError, ValueError) as fault:
        return CommandRun(None, error=f"it can't be run: {fault}")
    lines = [line.removeprefix("mapd: ") for line in process.stderr.split("\n") if line.startswith("mapd: ")]
    last_line = process.stdout.strip().split("\n")[-1]
    values = json.loads(last_line) if last_line.startswith("{") else None
    return CommandRun(process.returncode, values, lines[-1] if lines and process.returncode else None)
