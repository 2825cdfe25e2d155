"""Alerts: what fires, and silences."""
