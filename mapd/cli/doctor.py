"""`mapd doctor`: what works on this machine, what does not, and the cure."""

from mapd import doctor as checkup
from mapd.cli.shared import AsJson, show_lines
from mapd.errors import BadInput
from mapd.settings import Settings


def doctor(as_json: AsJson = False) -> None:
    """Say what works on this machine, what doesn't, and the cure."""
    findings = checkup.examine(Settings())
    items = [{"what": f.subject, "ok": f.ok, "found": f.report, "cure": f.cure} for f in findings]
    lines = (f"{'ok ' if f.ok else 'BAD'}  {f.subject}: {f.report}" for f in findings)
    show_lines({"ok": all(f.ok for f in findings), "findings": items}, as_json, lines)
    if bad := [f for f in findings if not f.ok]:
        raise BadInput("; ".join(f"{f.subject}: {f.cure}" for f in bad))
