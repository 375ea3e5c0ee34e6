"""Draws the figures that `evaluate.figures` describes: on axes of matplotlib, or as SVG text."""
