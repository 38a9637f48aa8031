"""Reference data: tables that are put as a whole, in versions that each hold from a time on, and that jobs join.

It belongs to no job, and knows none: pipeline/windows/jobs/tables.py has what a job makes of it.
"""

from .tables import ANY as ANY
from .tables import LEAD_MS as LEAD_MS
from .tables import NONE as NONE
from .tables import ReferenceChanged as ReferenceChanged
from .tables import References as References
from .tables import Table as Table
from .tables import UnknownReference as UnknownReference
from .tables import Version as Version
