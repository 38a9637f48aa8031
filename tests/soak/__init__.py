"""The deployment is disturbed under load, and each client knows what it was told: is that what was done?

    make soak                        or  python -m tests.soak, ten minutes
    make soak ARGS="--minutes 1 --seed 7 --json"

nginx, gunicorn and Redis run as in production, Redis as a primary with a replica and a Sentinel. In turn, workers are
reloaded, killed and stopped; Redis is restarted, killed, stopped, and failed over to the replica. What was answered
with a success must be there once, and what was answered with "nothing was done" must not be. A part of every test run
is a few seconds of it (test_soak.py).
"""
