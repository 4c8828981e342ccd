"""Measurements: one question for each file; results are JSON with the machine's facts."""
