"""Copies beside the cluster: restored, kept running, shown, taken away."""
