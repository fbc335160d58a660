"""Tables and the questions we ask them, one noun per file. Only `db` opens and commits."""
