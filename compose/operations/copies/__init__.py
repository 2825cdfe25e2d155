"""Copies beside the cluster: restored, kept running, discarded."""
