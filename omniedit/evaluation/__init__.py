"""The benchmark: editors under test, metrics, tables; judges beside people: ratings, agreement, reward benches."""
