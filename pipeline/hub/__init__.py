"""The Event Hub: tokens, partitions, the log, and the relay to an upstream hub.

A module imports those on the lines above its own, which a contract in pyproject.toml holds:

    event, keys                     what is sent and kept; the names of all Redis keys
    description, entry, partition   what may be said of a hub; how events lie in a stream; the partition of a key
    sas, upstream_requests          tokens and rules; what one request to the upstream hub carries
    stored_hub                      what a hub is: its name, partitions, settings and keys
    throughput, retention           what it takes a second; what it lets go
    publishers, deadletters         who may not send any more; what the upstream hub refused
    runtime                         how much a partition holds, and how far behind its readers are
    writing, batches                the way into partitions; the same for several partitions of a cluster
    log                             what a hub does: `Hub.append` and `Hub.read`
    consumer_group                  how far a group has come
    group_registry, share           the groups that users made; which partitions of a group a worker reads
    upstream, relay                 the upstream hub, and what is sent there
    namespace, paging               which hubs there are; pages of events for readers outside
    relay_status, retention_task    how the relay is doing; the worker's turn that drops what retention lets go
"""
