"""Faults with real processes, a record of everything that was visible from outside, and one checker for it."""
