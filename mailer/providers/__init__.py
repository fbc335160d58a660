"""One file per outside party that carries mail; `base` is what the rest of the house sees."""
