"""Fixtures for every test. Engines are started by tests/engines.py."""

import os

from hypothesis import HealthCheck, Phase, settings

pytest_plugins = ["tests.fixtures_model_server"]

# A busy machine is no failure: no property is timed. A change is judged by the same examples each time; people who
# run the tests explore new ones.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.register_profile("thorough", settings.get_profile("patient"), max_examples=2_000, derandomize=False)
settings.register_profile(  # a fault is to be found, not to be made small
    "mutations", settings.get_profile("patient"), max_examples=1_000, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))
