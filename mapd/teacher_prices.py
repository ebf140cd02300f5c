"""What a teacher costs: what its row states, else what the list of genai-prices says; on this machine it is free.

    price(row)                     -> Price.LISTED
    price_in_words(row)            -> "$0.15 in, $0.60 out a million tokens (listed)"
    cost_usd(row, 1000, 500)       -> 0.00045; None of a server whose price nobody knows

A row states its price in US dollars a million tokens, {"usd_in": 0.15, "usd_out": 0.6}. Nothing is fetched, nothing is
invented.
"""

import ipaddress
from enum import StrEnum
from urllib.parse import urlsplit

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
    return listed_usd(teacher.kind, teacher.base_url, teacher.model, tokens_in, tokens_out)


def listed_usd(kind: str, base_url: str | None, model: str, tokens_in: int, tokens_out: int) -> float | None:
    """Return the listed price in US dollars; None where the provider or the model is not known."""
    if kind not in KEY_VARIABLES:
        return None
    # A third of a second, for those who call a served model.
    from genai_prices import Usage, calc_price

    where = {"provider_id": kind} if base_url is None else {"provider_api_url": base_url}
    try:
        price = calc_price(Usage(input_tokens=tokens_in, output_tokens=tokens_out), model, **where)  # type: ignore[call-overload]
    except LookupError:
        return None
    return float(price.total_price)


def price_in_words(teacher: t.Teacher) -> str:
    """Return the teacher's price as people read it: "$0.15 in, $0.60 out a million tokens (listed)"."""
    source = price(teacher)
    if source is Price.FREE:
        return "free (simulated)" if teacher.simulated else "free (on this machine)"
    thousand_in, thousand_out = cost_usd(teacher, 1000, 0), cost_usd(teacher, 0, 1000)
    if thousand_in is None or thousand_out is None:
        return "unknown"
    price_in, price_out = format_dollars(thousand_in * 1000), format_dollars(thousand_out * 1000)
    return f"{price_in} in, {price_out} out a million tokens ({source})"


def format_dollars(usd: float) -> str:
    """Return an amount as people read it: small ones with four decimals."""
    if 0 < usd < 0.0001:
        return "under $0.0001"
    return f"${usd:,.4f}" if 0 < usd < 0.1 else f"${usd:,.2f}"
