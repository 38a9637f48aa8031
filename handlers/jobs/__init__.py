"""Window jobs and their outputs over HTTP."""

from . import jobs, outputs

__all__ = ["blueprints"]

blueprints = (jobs.blueprint, outputs.blueprint, jobs.changing, outputs.deleting)
