"""The phases of `up`, each of which yields the steps that are still to do."""
