"""What people see of Docker hosts."""
