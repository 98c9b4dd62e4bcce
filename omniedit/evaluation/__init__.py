"""The benchmark: editors under test, metrics, tables; judges and people: ratings, agreement, reward benches."""
