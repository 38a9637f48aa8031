"""gunicorn's settings for a peer: those of deploy/gunicorn.conf.py without its hooks, which know the service's app."""

import runpy
from pathlib import Path

_DEPLOYED = runpy.run_path(str(Path(__file__).parents[1] / "deploy" / "gunicorn.conf.py"))

globals().update({name: value for name, value in _DEPLOYED.items() if name.islower() and not callable(value)})
