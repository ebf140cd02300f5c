"""What all messages share: how long a text may be, how an id looks, and that nothing unknown is taken."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_NOTE, LONGEST_VALUE = 2_000, 200  # characters
MOST_DECISIONS, MOST_CARDS, MOST_ACTS = 50, 25, 50
# Characters of one text that are sent; the rest is counted.
LONGEST_TEXT = 20_000

Uid = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{16,64}$")]
# Wider than a token, because acts that no browser made have names of their own.
ActName = Annotated[str, Field(pattern=r"^[\w.:-]{1,200}$")]
Seen = Annotated[str, Field(pattern=r"^(?:own|all):[A-Za-z0-9._:-]{0,64}$")]
Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
JudgeMode = Literal["first", "assisted"]
TargetKind = Literal["rationale", "feedback", "attempt", "question"]
TextKind = Literal["rationale", "feedback"]


class ApiMessage(BaseModel):
    """A message: nothing unknown is taken, nothing is changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)
