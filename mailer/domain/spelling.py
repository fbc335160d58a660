"""How two spellings of the same thing are made comparable: one space, one dash, no accents.

It never corrects a typo: what people wrote is kept, and only compared in another form.
"""

import unicodedata

# Page builders leave these between words and on "empty" lines; nobody typed them.
_INVISIBLE = "\u200b\u2060\ufeff\u00ad"
_CONTROLS = "".join(map(chr, range(0x20))) + "\x7f"
_DROPPED = {ord(sign): None for sign in _INVISIBLE + _CONTROLS if not sign.isspace()}
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_APOSTROPHES = "\u2018\u2019\u02bc\u0060\u00b4"
_PLAIN = {ord(sign): "-" for sign in _DASHES} | {ord(sign): "'" for sign in _APOSTROPHES}


def tidy(text: str) -> str:
    """`text` on one line with single plain spaces; letters, dashes and quotes stay."""
    return " ".join(text.translate(_DROPPED).split())


def fold(text: str) -> str:
    """`text` tidied, in small letters, without accents, with plain dashes and apostrophes.

    Only for comparing: it is not how anybody spells.
    """
    decomposed = unicodedata.normalize("NFKD", tidy(text).translate(_PLAIN))
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return tidy(bare.casefold())
