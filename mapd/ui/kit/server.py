"""The app's server as a process: `python -m mapd.ui.kit.server APP.PY PORT`. `mapd app` replaces itself with it.

It is `streamlit run`, except that Ctrl+C ends it without a traceback, even while streamlit is imported.
"""

import sys

from mapd import interrupts

# Streamlit's file watcher looks at every imported module, torch too: half a processor.
OPTIONS = ("--server.fileWatcherType=none",)


def main() -> None:
    """Run the server until Ctrl+C."""
    # Before the imports below, which take seconds.
    interrupts.listen()
    from click import Abort
    from streamlit.web import cli

    interrupts.allow()
    script, port = sys.argv[1:]
    try:
        cli.main(["run", script, f"--server.port={port}", *OPTIONS], prog_name="streamlit", standalone_mode=False)
    except (Abort, KeyboardInterrupt):
        sys.exit(interrupts.CODE)


if __name__ == "__main__":
    main()
