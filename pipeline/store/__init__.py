"""Redis: the one client, its scripts, leases and clock. It knows no domain."""
