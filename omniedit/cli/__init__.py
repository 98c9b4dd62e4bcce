"""Commands of `omniedit`: one module for each, with its arguments, and no other logic."""
