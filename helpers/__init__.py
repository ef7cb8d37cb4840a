"""Streetside Colorization: one folder behind each notebook, and what they share.

Imported before anything loads PyTorch, so that the thread environment counts.
"""

import os

# Threads that spin while they wait slow two busy cores down up to twenty times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
