"""Another node becomes the primary: switchover, failover, and what an interruption of either left (handover)."""
