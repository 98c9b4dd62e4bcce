"""Ratings by people: edits to rate, questions, the file of answers, reliability, results, exports; `omniedit rate`.

The page belongs in `browsing.rating`, agreement of a judge with people in `evaluation.agreement`, ranks in
`bradley_terry`.
"""
