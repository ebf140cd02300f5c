"""The app's server as a process: `python -m mapd.ui.server APP.PY PORT`, which `mapd app` becomes.

It is `streamlit run`, but for Ctrl+C: that ends without a traceback, also while streamlit is imported.
"""

import sys

from mapd import interrupts

OPTIONS = ("--server.fileWatcherType=none",)  # it looks at all that is imported, torch too: half a processor


def main() -> None:
    """Serve until Ctrl+C."""
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
