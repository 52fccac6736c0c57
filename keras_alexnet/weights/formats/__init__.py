"""Readers of weight files, each for one format, and the layouts between them."""
