"""HTTP in, HTML out: the only floor that knows Flask. Pages write rows; the worker sends mail."""
