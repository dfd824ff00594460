"""Fixtures for every test. Engines are started by tests/engines.py."""

pytest_plugins = ["tests.fixtures_model_server"]
