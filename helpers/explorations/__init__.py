"""Studies that change one thing at a time, laws of curves, timings, and the cost of each step."""
