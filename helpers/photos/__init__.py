"""Where photos come from: rendered streets, the Street View set, or a folder.

Rooms import the modules themselves; `folder` and `pool` need nothing but Python.
"""
