"""Readers of weight files, one for each format, and conversion between layouts."""
