"""E-mail addresses, one spelling for each mailbox: who signs in is compared with the project's people by it.

    mailbox("Ann@X.org")            -> "ann@x.org"
    mailbox("ann@münchen.de")       -> "ann@xn--mnchen-3ya.de"
    mailbox("ann@x.org ")           raises BadInput; so does an a of another script, or "K" for a k (U+212A)

Only the case of the ASCII letters may vary. Every other spelling is refused and never mended: what lower-casing,
stripping or compatibility forms make of an address may be somebody else's.
"""

from string import ascii_lowercase, ascii_uppercase

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from mapd.errors import BadInput

LONGEST = 254  # characters, RFC 5321
# No mail from elsewhere reaches them, but a lab's own provider may know its people as ann@lab.local.
SPECIAL_USE_DOMAIN_NAMES[:] = [name for name in SPECIAL_USE_DOMAIN_NAMES if name not in ("local", "test")]
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def mailbox(address: str) -> str:
    """Return the mailbox's one spelling: the ASCII letters in lower case, the domain as DNS has it.

    Raises: BadInput where the address isn't one, or is spelled otherwise than its mailbox is.
    """
    try:
        valid = validate_email(
            address[: LONGEST + 1], allow_smtputf8=False, allow_quoted_local=False, check_deliverability=False
        )
    except EmailNotValidError as error:
        reason = str(error).rstrip(".").encode("ascii", "backslashreplace").decode()
        raise BadInput(f"{shorten(address)} is no e-mail address: {reason}") from error
    local = valid.local_part.translate(_LOWER)
    if address.translate(_LOWER) not in (f"{local}@{valid.domain}", f"{local}@{valid.ascii_domain}"):
        raise BadInput(f"{shorten(address)} is no e-mail address as it is written; its domain is {valid.ascii_domain}")
    return f"{local}@{valid.ascii_domain}"


def domain(entry: str) -> str:
    """Return the one spelling of an "@x.org": every mailbox there. Raises: BadInput."""
    # A last dot is DNS's own way to write the same domain.
    try:
        return mailbox(f"anybody{entry.removesuffix('.')}").removeprefix("anybody")
    except BadInput as error:
        raise BadInput(f"{shorten(entry)} is no e-mail domain; write it as @example.org") from error


def shorten(address: str) -> str:
    """Return the address as an error names it: what can't be seen, or looks like something else, by its number."""
    return ascii(address[:80])
