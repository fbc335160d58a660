"""E-mail addresses: one way to read, compare and hide them. Syntax is `storage`-free and pure;
the library that knows the grammar is called in `usecases/addresses`."""


def mask(address: str) -> str:
    """The address as it may be shown on a page anyone could see: `a***@seznam.cz`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def mask_within(text: str, address: str) -> str:
    """What a server said, without the whole address that servers like to repeat."""
    found = text.lower().find(address.lower()) if address else -1
    if found < 0:
        return text
    rest = mask_within(text[found + len(address) :], address)
    return f"{text[:found]}{mask(address)}{rest}"
