"""The pages of /layers: traced requests, one of them or two side by side, and what each layer costs."""

from . import layers, trace_json

__all__ = ["blueprints"]

blueprints = (trace_json.blueprint, layers.blueprint)
