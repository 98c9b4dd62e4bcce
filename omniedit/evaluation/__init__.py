"""The benchmark: editors under test, metrics, human ratings, agreement between raters, tables."""
