"""Stop a finetune that runs and keep its student: it ends behind the step in work, wherever it runs.

request(session, "9c1e", by=owner("ann"))      -> the training; its run reads the request behind each step
"""

from sqlmodel import Session

from mapd.errors import BadInput
from mapd.finetune.run import claim_key
from mapd.people import Person, Right, require
from mapd.store import audit_log, claims, db, finetunes
from mapd.store import tables as t
from mapd.store.finetunes import Training


def request(session: Session, ref: str, *, by: Person) -> Training:
    """Ask for a finetune to end behind its step in work, and for its student as it is then. `ref`: see `find`.

    Raises: Forbidden; NotFound; BadInput where it isn't running, or has no step yet.
    """
    person = require(by, Right.RUN_JOBS)
    training = finetunes.find(session, ref)
    if training.student is not None:
        raise BadInput(f"finetune {training.uid[:12]} has ended already: its student is there")
    if not claims.is_claimed(session, claim_key(training.uid)):
        raise BadInput(
            f"finetune {training.uid[:12]} isn't running: start it again, and stop it then; what it has learned is "
            "kept in its checkpoint"
        )
    session.get_one(t.Finetune, training.id).stop_requested_at = db.clock(session)
    audit_log.audit(session, person, "stop finetune", f"finetune {training.uid}")
    return training
