"""The pages of window jobs: the list, one job, the editor of its definition, and its restart and its copy."""

from . import again, editor, job, jobs

__all__ = ["blueprints"]

blueprints = (jobs.blueprint, job.blueprint, again.blueprint, editor.blueprint)
