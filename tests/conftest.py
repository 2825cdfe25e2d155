"""Fixtures live in plugins, one concern each."""

from hypothesis import settings

pytest_plugins = ["tests.fix_golden", "tests.fix_settings", "tests.fix_ledger", "tests.fix_stack", "tests.fix_s3"]

# A loaded machine must not fail a property; forty examples are enough at this size.
settings.register_profile("pods", deadline=None, max_examples=40)
settings.load_profile("pods")
