"""The Event Hub: tokens, partitions, the log, and the relay to an upstream hub.

A module imports only from the lines above its own; a contract in pyproject.toml checks this:

    event, keys                     what is sent and kept; the names of all Redis keys
    description, entry, partition   a hub's settings; how events are stored in a stream; the partition of a key
    sas, upstream_requests          tokens and rules; what one request to the upstream hub carries
    stored_hub                      what a hub is: name, partitions, settings and keys
    throughput, retention           what a hub takes per second; what it drops
    publishers, deadletters         publishers who may not send; events that the upstream hub refused
    runtime                         how much a partition holds, and how far behind its readers are
    writing, batches                writing to partitions; the same for several partitions of a cluster
    log                             what a hub does: `Hub.append` and `Hub.read`
    consumer_group                  how far a group has come
    group_registry, share           the groups that users made; which partitions of a group a worker reads
    upstream, relay                 the upstream hub, and what is sent there
    namespace, paging               which hubs there are; pages of events for HTTP clients
    relay_status, retention_task    the relay's state; the worker's task that drops old events
"""
