"""Files of Docker hosts of which Patroni decides who is the primary. Pure."""
