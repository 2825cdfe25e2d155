"""Fixtures live in plugins, one concern each."""

import signal

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.fix_golden",
    "tests.fix_lanes",
    "tests.fix_ports",
    "tests.fix_settings",
    "tests.fix_ledger",
    "tests.fix_mounts",
    "tests.fix_stack",
    "tests.fix_s3",
    "tests.fix_moto",
    "tests.fix_promtool",
    "tests.fix_browser",
    "tests.fix_downloaded_drivers",
    "tests.hosts.fix_bed",
]

# Where an assertion fails in these, it shows what it compared, as in a test.
pytest.register_assert_rewrite("tests.hosts.journey", "tests.fix_wait", "tests.fix_ledger")

# A loaded machine must not fail a property; forty examples are enough at this size.
settings.register_profile("pods", deadline=None, max_examples=40)
settings.load_profile("pods")

# A shell that starts pytest in the background has it ignore Ctrl-C, and with it every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
