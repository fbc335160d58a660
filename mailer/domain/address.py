"""E-mail addresses: one way to read, compare and hide them. Syntax is `storage`-free and pure;
the library that knows the grammar is called in `usecases/addresses`."""


def mask(address: str) -> str:
    """The address as it may be shown on a page anyone could see: `a***@seznam.cz`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"
