"""Fixtures for every test. Engines are started by tests/engines.py."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures_model_server"]

# A busy machine is no failure: no property is timed.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
