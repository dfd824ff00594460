"""Faults between a model server and the words that a person reads: streams, refusals, cuts, slow and lying servers."""
