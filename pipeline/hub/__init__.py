"""The Event Hub: tokens, partitions, the log, and the relay to an upstream hub.

From below to above (a contract in pyproject.toml holds it):

    event, keys                       what is sent and kept; the names of all keys
    description, entry, partition     what may be said of a hub; how events lie in a stream; the partition of a key
    sas, upstream_requests            tokens and rules; what one request to the upstream hub carries
    stored_hub                        what a hub is: its name, partitions, settings and keys
    retention, throughput, writing    what may stop an event on its way in, and the way itself
    batches                           the way in for several partitions of a cluster
    log                               what a hub does: `Hub.append` and `Hub.read`
    consumer_group, group_registry    who reads, and how far it has come; the groups that users made
    share, upstream, relay            a worker's partitions, and their way to the upstream hub
    namespace                         which hubs there are
    paging, runtime, relay_status     for those who look from outside
    publishers, deadletters           who may not send any more; what the upstream hub refused
    retention_task                    the worker's turn that drops what retention lets go
"""
