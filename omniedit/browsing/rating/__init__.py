"""Local page of `omniedit rate`, where people rate edits: its server and its files.

Questions, answers and results belong in `evaluation.people`, the server that all local pages share in `browsing`.
"""
