"""Commands of `omniedit`: one module per command, which parses its arguments and calls the library."""
