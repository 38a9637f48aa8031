"""Where a job's rows go."""

from .board import BoardOutput as BoardOutput
from .open import open_outputs as open_outputs
from .sink import Outbox as Outbox
from .sink import Sink as Sink
from .sink import row_id as row_id
from .stream import OUTPUTS as OUTPUTS
from .stream import Entry as Entry
from .stream import OutputTaken as OutputTaken
from .stream import StreamOutput as StreamOutput
from .stream import UnknownOutput as UnknownOutput
