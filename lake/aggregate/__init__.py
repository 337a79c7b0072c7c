"""Coarser bars made from finer ones and from ticks: one pass over what changed makes all targets."""
