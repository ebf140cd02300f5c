"""Stop a finetune that runs and keep its student: it ends behind the step in work, wherever it runs.

request(session, "9c1e", by=owner("ann"))      -> the finetune's row; its run reads it behind each step
"""

from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.finetune.run import claim_key
from mapd.people import Person, Right, require
from mapd.store import audit_log, claims, db
from mapd.store import tables as t


def request(session: Session, ref: str, *, by: Person) -> t.Finetune:
    """Ask for a finetune to end behind its step in work, and for its student as it is then.

    Raises: Forbidden; NotFound; BadInput where it isn't running, or has no step yet.
    """
    person = require(by, Right.RUN_JOBS)
    rows = session.exec(select(t.Finetune).where(col(t.Finetune.uid).startswith(ref)).limit(2)).all()
    if len(ref) < 4 or len(rows) != 1:
        raise NotFound(f"no finetune begins with {ref[:40]!r}, or several do; `mapd finetunes list` lists those begun")
    (row,) = rows
    if row.student_id is not None:
        raise BadInput(f"finetune {row.uid[:12]} has ended already: its student is there")
    if not claims.is_claimed(session, claim_key(row.uid)):
        raise BadInput(
            f"finetune {row.uid[:12]} isn't running: start it again, and stop it then; what it has learned is kept in "
            "its checkpoint"
        )
    row.stop_requested_at = db.clock(session)
    session.add(row)
    audit_log.audit(session, person, "stop finetune", f"finetune {row.uid}")
    session.flush()
    return row
