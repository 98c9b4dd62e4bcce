"""Pages, galleries, figures and model cards of a run, whose numbers come from `evaluation` and `scoring`."""
