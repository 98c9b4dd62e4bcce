"""Pretraining of the small base that editors of the embedded default build on."""
