"""Pre-training of the small base on which the default run's editors are built."""
