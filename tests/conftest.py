"""Fixtures for every test. Engines are started by tests/engines.py."""
