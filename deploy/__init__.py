"""gunicorn, nginx, systemd, a container, and `wz up`, which runs the whole stack on one machine."""
