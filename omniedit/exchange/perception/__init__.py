"""Perception data as auxiliary tasks of a run: regions that are painted as the instruction says, and questions about
images."""
