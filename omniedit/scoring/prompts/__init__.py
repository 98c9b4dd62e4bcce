"""Official prompts of benchmarks, read from the user's checkouts. None ships with OmniEdit.

constants   texts in Python files, which are parsed and never run
viescore    VIEScore, GEdit-Bench and EditScore
imgedit     ImgEdit-Bench
kris        KRIS-Bench
rise        RISEBench

A reader returns the keys of a rubric (`omniedit.scoring.rubric_file`), and `reader` finds the one for a folder.
"""
