"""The reference judge, which measures a pair against the known truth and verifies that the truth holds."""
