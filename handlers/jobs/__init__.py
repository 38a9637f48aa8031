"""Window jobs and their outputs over HTTP."""

from . import definitions, outputs

__all__ = ["blueprints"]

blueprints = (definitions.blueprint, outputs.blueprint, definitions.changing, outputs.deleting)
