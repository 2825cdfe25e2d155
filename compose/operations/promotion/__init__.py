"""Another node becomes the primary: planned (switchover), and what an interruption of that left (handover)."""
