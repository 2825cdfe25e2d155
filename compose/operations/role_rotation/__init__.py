"""Rotating the password of a role through its second login: no login fails while programs change over."""
