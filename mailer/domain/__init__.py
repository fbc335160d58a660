"""Pure rules over values. Nothing here reads a clock, a file, a table or a socket."""
