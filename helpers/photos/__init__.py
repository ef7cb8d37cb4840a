"""Where photos come from: rendered streets, the Street View set, or a folder."""
