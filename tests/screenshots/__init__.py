"""`make screenshots`: pictures of the real program for the README."""
