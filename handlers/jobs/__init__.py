"""Window jobs, their outputs and their reference data over HTTP."""

from . import definitions, outputs, reference

__all__ = ["blueprints"]

blueprints = (
    definitions.blueprint,
    outputs.blueprint,
    reference.blueprint,
    definitions.changing,
    outputs.deleting,
    reference.changing,
)
