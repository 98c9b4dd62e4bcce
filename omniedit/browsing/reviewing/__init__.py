"""Page on which a person reviews proposed instructions for a benchmark set.

The review itself, with its log and table, is `omniedit.evaluation.bench.sets.proposal_review`.
"""
