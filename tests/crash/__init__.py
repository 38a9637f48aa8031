"""Everything that can be killed is killed while events are sent: what was acknowledged must be there, in order.

    make crash ARGS="--minutes 10"      or  python -m tests.crash --minutes 10 --seed 7

A part of every test run is a few seconds of it (test_crash.py).
"""
