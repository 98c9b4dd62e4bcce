"""Perception data as auxiliary tasks of a run: regions that are painted as asked, and questions about images."""
