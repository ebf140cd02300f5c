"""A day in its usual spellings. Pure.

read_date("May 1st, 2024")  -> date(2024, 5, 1), as "1 May 2024" and "2024-05-01"
read_date("05/01/2024")     -> None: a day in May or in January
"""

import re
from datetime import date, datetime

_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_NEEDLESS = re.compile(r"(?<=[0-9])(?:st|nd|rd|th)\b|(?<=\bsep)t\b|\bof\b|[.,]", re.IGNORECASE)
_FORMS = ("%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y", "%Y-%m-%d", "%Y %B %d")
_LONGEST = 40  # characters


def read_date(text: str) -> date | None:
    """Return the day that a short text is; None where it is none, or is in a spelling that has two readings."""
    if len(text) > _LONGEST or not _YEAR.search(text):
        return None
    plain = " ".join(_NEEDLESS.sub(" ", text).split())
    for form in _FORMS:
        try:
            return datetime.strptime(plain, form).date()
        except ValueError:
            continue
    return None
