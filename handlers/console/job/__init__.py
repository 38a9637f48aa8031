"""The pages of window jobs: the list, one job, and the editor of its definition."""

from . import editor, job, jobs

__all__ = ["blueprints"]

blueprints = (jobs.blueprint, job.blueprint, editor.blueprint)
