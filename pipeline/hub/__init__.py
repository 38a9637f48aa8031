"""The Event Hub: tokens, partitions, the log, and the relay to an upstream hub.

>>> from pipeline.hub import Event, Hubs
>>> hub = Hubs(client, {"events": 4})["events"]  # client = redis.Redis()
>>> stored = hub.append([Event(b"hello", "key")])

Which module may import which, the contract "Hub" in pyproject.toml says.

    What is sent, and how it is kept
        event, headers            an event, with its properties; headers that are no properties
        entry                     how events are stored in a partition's stream
        partition                 the partition of a key
        keys, hub_keys            all Redis keys; the names of one hub's
        hops, trace               the hubs that an event has been in; the trace that it belongs to

    What a hub is
        description, rate         a hub's settings, and how much may be sent in a second
        stored_hub                name, partitions, settings and keys
        namespace                 which hubs there are
        emulator_config           the hubs that a Config.json of Microsoft's emulator asks for

    Who may do what
        rules, sas, resource      access rules; tokens that they sign; the address for which a token is good
        publisher_name            what a publisher may be called
        publishers                publishers who may not send
        throughput                how much a hub takes in a second, and from whom

    Writing
        log                       what a hub does: `Hub.append` and `Hub.read`
        repetition                what is left out, since the hub has it already
        writing                   writing to partitions
        batches, keyed_batches    the same for several partitions of a cluster; with an Idempotency-Key
        retention, retention_task what a hub drops; the worker's task that does it

    Reading
        consumer_group            how far a group has come
        group_registry, share     the groups that users made; which partitions of a group a worker reads
        runtime                   how much a partition holds, and how far behind its readers are
        paging, browse            pages of events for HTTP clients; looking at partitions, and searching them

    The relay
        relay, relays             what is sent to the upstream hub; the relays of all hubs of a worker
        relay_choice              what an operator chooses for the relay of a hub
        relay_route, own_address  where the relay of a hub sends, and whether it does; that it is not to itself
        upstream                  the upstream hub
        upstream_requests         what one request to it carries
        upstream_answers          what is done about its answer
        sent, relay_status        when an event was sent, and where to; how far a relay has come
        deadletters               events that the upstream hub refused
        redrive_order             which of them would be sent too late

    By HTTP to any namespace
        authorization, proxy      the header that a connection string gives; connections, and the proxy on the way
        rest_client, rest_sender  requests; events in order, with an account of what was acknowledged

    Events in files
        event_line, event_lines   an event as a line of NDJSON; a file of them
        export, recorded          reading a range of time; writing events that were recorded
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
