"""Time in, mail out. Knows nothing of pages: the database is the only bridge between the two."""
