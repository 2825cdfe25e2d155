"""A small Django application: what its users have, through pools, a router and a test runner that makes databases."""
