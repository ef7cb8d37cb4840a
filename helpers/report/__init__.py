"""Runs the notebooks and joins them to one page."""
