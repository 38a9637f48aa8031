"""Where a job's rows go."""

from .open import open_outputs as open_outputs
from .outbox import DeliveryStatus as DeliveryStatus
from .outbox import Outbox as Outbox
from .outbox import delivery_status_of as delivery_status_of
from .outbox import queue_delivery_status as queue_delivery_status
from .sink import Sink as Sink
from .stream import OutputInUse as OutputInUse
from .stream import OutputSummary as OutputSummary
from .stream import OutputTaken as OutputTaken
from .stream import StoredRow as StoredRow
from .stream import StreamOutput as StreamOutput
from .stream import UnknownOutput as UnknownOutput
from .stream import declare_outputs as declare_outputs
from .stream import list_outputs as list_outputs
from .stream import release_outputs as release_outputs
