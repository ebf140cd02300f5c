"""What a teacher costs: what its row states, else what the price list says; a teacher on this machine is free.

    price(row)                     -> Price.LISTED
    price_in_words(row)            -> "$0.15 in, $0.60 out a million tokens (listed)"
    cost_usd(row, 1000, 500)       -> 0.00045

A row states its price in US dollars a million tokens, {"usd_in": 0.15, "usd_out": 0.6}.
"""

import ipaddress
from enum import StrEnum
from urllib.parse import urlsplit

from mapd.models import prices
from mapd.store import tables as t
from mapd.teacher_settings import KEY_VARIABLES

MILLION = 1_000_000  # tokens: what a price is for


class Price(StrEnum):
    """Whose word a teacher's price is."""

    FREE = "free"  # it is simulated, or runs on this machine
    STATED = "stated"  # by who added it
    LISTED = "listed"  # by genai-prices
    UNKNOWN = "unknown"


def price(teacher: t.Teacher) -> Price:
    """Return who states the teacher's price. Its row goes before all else."""
    if teacher.price:
        return Price.STATED
    if teacher.kind not in KEY_VARIABLES or _on_this_machine(teacher.base_url):
        return Price.FREE
    return Price.UNKNOWN if cost_usd(teacher, 1, 1) is None else Price.LISTED


def _on_this_machine(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def cost_usd(teacher: t.Teacher, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Return what a call to the teacher costs in US dollars; None where the price or the tokens are not known."""
    if tokens_in is None or tokens_out is None:
        return None
    if teacher.price:
        return float((tokens_in * teacher.price["usd_in"] + tokens_out * teacher.price["usd_out"]) / MILLION)
    return prices.cost_usd(teacher.kind, teacher.base_url, teacher.model, tokens_in, tokens_out)


def price_in_words(teacher: t.Teacher) -> str:
    """Return the teacher's price as people read it: "$0.15 in, $0.60 out a million tokens (listed)"."""
    source = price(teacher)
    if source is Price.FREE:
        return "free (simulated)" if teacher.simulated else "free (on this machine)"
    thousand_in, thousand_out = cost_usd(teacher, 1000, 0), cost_usd(teacher, 0, 1000)
    if thousand_in is None or thousand_out is None:
        return "unknown"
    price_in, price_out = prices.format_dollars(thousand_in * 1000), prices.format_dollars(thousand_out * 1000)
    return f"{price_in} in, {price_out} out a million tokens ({source})"
