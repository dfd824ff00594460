"""Tests of the tests: faults put into the code on purpose, each of which must turn a named test red."""
