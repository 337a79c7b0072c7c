"""Rows of the lake as the files that other programs read: one declaration a program, and writers that stream."""
