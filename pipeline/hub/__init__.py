"""The Event Hub: tokens, partitions, the log, and the relay to an upstream hub.

>>> from pipeline.hub import Event, Hubs
>>> Hubs(client, {"events": 4})["events"].append([Event(b"hello", "key")])  # client = redis.Redis()

The contract "Hub" in pyproject.toml says which module may import which; from the lowest up:

    event, headers, keys     what is sent and kept; headers that are no properties; the names of all Redis keys
    rate, resource           how much may be sent in a second; the address for which a token is good
    hops                     the hubs that an event has been in
    description, entry       a hub's settings; how events are stored in a stream
    partition, sas           the partition of a key; tokens and rules
    upstream_requests        what one request to the upstream hub carries
    upstream_answers         what is done about its answer
    own_address, proxy       whether an address is this service's; the proxy on the way upstream
    stored_hub               what a hub is: name, partitions, settings and keys
    throughput, retention    what a hub takes per second; what it drops
    relay_route              where the relay of a hub sends, and whether it does
    publishers, deadletters  publishers who may not send; events that the upstream hub refused
    runtime                  how much a partition holds, and how far behind its readers are
    sent                     when the relay has sent an event, and where to
    writing                  writing to partitions
    batches                  the same for several partitions of a cluster
    log                      what a hub does: `Hub.append` and `Hub.read`
    consumer_group           how far a group has come
    group_registry, share    the groups that users made; which partitions of a group a worker reads
    upstream                 the upstream hub
    relay                    what is sent there
    relays                   the relays of all hubs
    namespace, paging        which hubs there are; pages of events for HTTP clients
    redrive_order            which dead letters come too late
    relay_status, browse     the relay's state; looking at partitions, and searching them
    retention_task           the worker's task that drops old events
"""

from .event import Event as Event
from .event import Property as Property
from .event import StoredEvent as StoredEvent
from .log import Hub as Hub
from .namespace import Hubs as Hubs
from .namespace import UnknownHub as UnknownHub
from .stored_hub import UnknownPartition as UnknownPartition
from .throughput import Throttled as Throttled
from .writing import HubFull as HubFull
