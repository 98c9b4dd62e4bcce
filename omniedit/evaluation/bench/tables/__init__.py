"""Tables of a bench: counts, means with intervals, differences, the paper's Table 3 and a benchmark's own table.

`grid` is a table of figures with its best ones marked, `render` writes it as Markdown, CSV and LaTeX, `header` names
all settings that decide the figures.
"""
