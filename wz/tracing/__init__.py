"""One request through every layer: what took how long, where it is written, and what it changed.

    application = Tracer(app, traces.put, asked=lambda environ: "HTTP_X_TRACE" in environ)

`tracer.py` is the callable around an app, `recording.py` what it notes, `spans.py` what becomes of it: a `Trace`.
"""

from .probing import Probe as Probe
from .recording import Recording as Recording
from .recording import current as current
from .spans import STEPS as STEPS
from .spans import Change as Change
from .spans import Span as Span
from .spans import Trace as Trace
from .tracer import Instruments as Instruments
from .tracer import Tracer as Tracer
