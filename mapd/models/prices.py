"""What a call cost, by the price list that comes with genai-prices. Nothing is fetched, nothing is invented.

cost_usd("openai", None, "gpt-4o-mini", 1000, 500)                          -> 0.00045
cost_usd("openai", "http://127.0.0.1:8000/v1", "gpt-4o-mini", 1000, 500)    -> None: nobody knows that server's price
dollars(0.00045), dollars(12.3)                                             -> "$0.0005", "$12.30"
"""


def cost_usd(
    kind: str, base_url: str | None, model: str, tokens_in: int | None, tokens_out: int | None
) -> float | None:
    """Return the price in US dollars; None where the provider, the model or the tokens are not known."""
    if kind not in ("openai", "anthropic") or tokens_in is None or tokens_out is None:
        return None
    # A third of a second, for those who call a served model.
    from genai_prices import Usage, calc_price

    where = {"provider_id": kind} if base_url is None else {"provider_api_url": base_url}
    try:
        price = calc_price(Usage(input_tokens=tokens_in, output_tokens=tokens_out), model, **where)  # type: ignore[call-overload]
    except LookupError:
        return None
    return float(price.total_price)


def format_dollars(usd: float) -> str:
    """Return an amount as people read it: small ones with four decimals."""
    if 0 < usd < 0.0001:
        return "under $0.0001"
    return f"${usd:,.4f}" if 0 < usd < 0.1 else f"${usd:,.2f}"
