"""Scores with intervals, from predictions alone; no model is needed."""
