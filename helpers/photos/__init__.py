"""Where photos come from: rendered streets, the Street View set, or a folder.

Other packages import its modules directly. `folder` and `pool` need only the standard library.
"""
