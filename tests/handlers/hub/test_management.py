"""Azure's management, as its clients know it: ATOM entries and feeds."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import pytest
import redis as redis_py
import requests
from azure.common import AzureConflictHttpError, AzureMissingResourceHttpError
from azure.servicebus import EventHub, ServiceBusService
from defusedxml.ElementTree import fromstring
from werkzeug.test import TestResponse

from handlers.hub.atom import ARRAYS, ATOM, SERVICE_BUS
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.event import OVERHEAD
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.hub.runtime import runtime
from pipeline.store.lease import Lease
from wz.live_server import LiveServer

from ... import stack
from ..conftest import ServiceClient

pytestmark = pytest.mark.cluster

NAMESPACES = {"a": ATOM, "s": SERVICE_BUS, "d": ARRAYS}


def described(name: str, **elements: object) -> str:
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in elements.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?><entry xmlns="http://www.w3.org/2005/Atom">'
        f'<content type="application/xml"><{name} xmlns="{SERVICE_BUS}">{inner}</{name}></content></entry>'
    )


def hub_described(**elements: object) -> str:
    return described("EventHubDescription", **elements)


def xml(answer: TestResponse) -> Element:
    assert answer.mimetype == "application/atom+xml"
    root: Element = fromstring(answer.data)
    return root


def text(answer: TestResponse, name: str) -> str | None:
    return xml(answer).findtext(f".//s:{name}", namespaces=NAMESPACES)


def titles(answer: TestResponse) -> list[str | None]:
    return [title.text for title in xml(answer).findall("a:entry/a:title", NAMESPACES)]


@pytest.mark.core
def test_a_hub_is_made_shown_listed_changed_and_deleted(client: ServiceClient) -> None:
    body = hub_described(MessageRetentionInDays=7, PartitionCount=2, UserMetadata="ours &amp; theirs")
    made = client.put("/Orders", data=body, content_type="application/atom+xml;type=entry;charset=utf-8")
    assert made.status_code == 201
    assert made.content_type == "application/atom+xml;type=entry;charset=utf-8"

    shown = client.get("/orders?api-version=2014-01")
    assert (text(shown, "PartitionCount"), text(shown, "MessageRetentionInDays")) == ("2", "7")
    assert (text(shown, "UserMetadata"), text(shown, "Status")) == ("ours & theirs", "Active")
    assert [e.text for e in xml(shown).findall(".//s:PartitionIds/d:string", NAMESPACES)] == ["0", "1"]
    listed = client.get("/$resources/EventHubs")
    assert (titles(listed), listed.content_type) == (
        ["events", "orders"],
        "application/atom+xml;type=feed;charset=utf-8",
    )
    assert client.post("/orders/messages", data="12345").status_code == 201
    assert text(client.get("/orders"), "SizeInBytes") == str(5 + OVERHEAD)

    changed = client.put("/orders", data=hub_described(MessageRetentionInDays=1), headers={"If-Match": "*"})
    assert (changed.status_code, text(changed, "MessageRetentionInDays")) == (200, "1")
    assert text(changed, "UserMetadata") == "ours & theirs"

    assert client.delete("/orders").status_code == 200
    assert client.get("/orders").status_code == 404
    assert titles(client.get("/$Resources/Eventhubs")) == ["events"]


def test_a_hub_without_a_description_has_the_defaults(client: ServiceClient) -> None:
    made = client.put("/orders")

    assert (made.status_code, text(made, "PartitionCount"), text(made, "MessageRetentionInDays")) == (201, "4", "1")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        pytest.param("PUT", "/events", "", {}, 409, id="a hub that is there"),
        pytest.param("PUT", "/none", "", {"If-Match": "*"}, 404, id="a change of none"),
        pytest.param("PUT", "/events", hub_described(PartitionCount=8), {"If-Match": "*"}, 400, id="more partitions"),
        pytest.param("PUT", "/orders", hub_described(PartitionCount=0), {}, 400, id="no partition"),
        pytest.param("PUT", "/orders", hub_described(PartitionCount="x"), {}, 400, id="no number"),
        pytest.param("PUT", "/orders", hub_described(MessageRetentionInDays=91), {}, 400, id="too long a retention"),
        pytest.param("PUT", "/-x", "", {}, 400, id="no name"),
        pytest.param("PUT", "/$Resources", "", {}, 400, id="a name of the service's"),
        pytest.param("PUT", "/orders", "<entry", {}, 400, id="broken XML"),
        pytest.param("PUT", "/orders", "<entry/>", {}, 400, id="another document"),
        pytest.param("PUT", "/orders", '<?xml version="1.0" encoding="none"?><e/>', {}, 400, id="no encoding"),
        pytest.param("PUT", "/orders", '<!DOCTYPE e [<!ENTITY a "b">]><e>&a;</e>', {}, 400, id="an entity of its own"),
        pytest.param(
            "PUT", "/orders", '<!DOCTYPE e [<!ENTITY a SYSTEM "file:///etc/passwd">]><e>&a;</e>', {}, 400, id="a file"
        ),
        pytest.param("GET", "/none", "", {}, 404, id="no such hub"),
        pytest.param("DELETE", "/none", "", {}, 404, id="nothing to delete"),
        pytest.param("GET", "/none/consumergroups", "", {}, 404, id="groups of no hub"),
        pytest.param("GET", "/events/consumergroups/none", "", {}, 404, id="no such group"),
        pytest.param("PUT", "/events/consumergroups/$Default", "", {}, 409, id="the group that is always there"),
        pytest.param("DELETE", "/events/consumergroups/$Default", "", {}, 400, id="the group that stays"),
        pytest.param("PUT", "/events/consumergroups/a$b", "", {}, 400, id="no name for a group"),
        pytest.param("DELETE", "/events/consumergroups/none", "", {}, 404, id="no group to delete"),
        pytest.param("GET", "/events/consumergroups/none/partitions", "", {}, 404, id="partitions of no group"),
        pytest.param("GET", "/events/consumergroups/$Default/partitions/4", "", {}, 404, id="no such partition"),
        pytest.param("GET", "/events/consumergroups/$Default/partitions/x", "", {}, 404, id="no partition"),
        pytest.param("GET", "/events/revokedpublishers/none", "", {}, 404, id="a publisher who may send"),
        pytest.param("DELETE", "/events/revokedpublishers/none", "", {}, 404, id="nobody to let send"),
        pytest.param(
            "PUT",
            "/events/revokedpublishers/a",
            described("RevokedPublisherDescription", Name="b"),
            {},
            400,
            id="two publishers",
        ),
        pytest.param("PUT", "/events/revokedpublishers/a%01", "", {}, 400, id="no name for a publisher"),
        pytest.param("PUT", "/events/revokedpublishers/a%FF", "", {}, 400, id="a publisher in another encoding"),
        pytest.param("POST", "/events", "", {}, 405, id="what hubs don't do"),
    ],
)
def test_what_is_refused(
    client: ServiceClient, method: str, path: str, body: str, headers: dict[str, str], status: int
) -> None:
    answer = client.open(path, method=method, data=body, headers=headers)

    assert (answer.status_code, answer.mimetype) == (status, "application/xml")
    assert fromstring(answer.data).findtext("Code") == str(status)
    assert titles(client.get("/$Resources/Eventhubs")) == ["events"]
    assert text(client.get("/events"), "PartitionCount") == "4"


@pytest.mark.parametrize("path", ["/healthz", "/boards", "/openapi.json", "/docs"])
def test_the_service_s_own_paths_are_not_hubs(client: ServiceClient, path: str) -> None:
    assert client.put(path).status_code == 405


def test_an_entry_may_have_a_content_coding(client: ServiceClient) -> None:
    data = gzip.compress(hub_described(PartitionCount=2).encode())
    made = client.put("/orders", data=data, headers={"Content-Encoding": "gzip"})
    refused = client.put("/refunds", data=data, headers={"Content-Encoding": "br"})

    assert (made.status_code, text(made, "PartitionCount")) == (201, "2")
    assert (refused.status_code, refused.mimetype) == (415, "application/xml")
    assert titles(client.get("/$Resources/Eventhubs")) == ["events", "orders"]


def test_a_consumer_group_is_made_once_listed_and_deleted(client: ServiceClient) -> None:
    made = client.put("/events/ConsumerGroups/Readers", data=described("ConsumerGroupDescription", UserMetadata="x"))
    assert (made.status_code, text(made, "UserMetadata")) == (201, "x")
    assert client.put("/events/consumergroups/readers").status_code == 409

    assert titles(client.get("/events/consumergroups")) == ["$Default", "Readers"]
    default = client.get("/events/consumergroups/$default")
    assert text(default, "CreatedAt") == text(client.get("/events"), "CreatedAt")

    assert client.delete("/events/consumergroups/readers").status_code == 200
    assert titles(client.get("/events/consumergroups")) == ["$Default"]


def test_the_relay_s_group_is_deleted_when_no_relay_runs(client: ServiceClient, redis: redis_py.Redis) -> None:
    relay = ConsumerGroup(Hubs(redis, {"events": 4})["events"], "$relay")
    relay.attach()
    lease = Lease(redis, relay.leases[2].key)
    lease.hold()
    assert client.delete("/events/consumergroups/$relay").status_code == 409

    lease.release()
    assert client.delete("/events/consumergroups/$relay").status_code == 200
    assert client.get("/hubs/events").json["groups"] == []


def test_the_group_of_a_job_is_deleted_when_no_worker_runs_it(client: ServiceClient, redis: redis_py.Redis) -> None:
    hub = Hubs(redis, {"events": 4})["events"]
    ConsumerGroup(hub, "job:rewards").attach()
    lease = Lease(redis, "{job:rewards}:lease:1")
    lease.hold()
    assert client.delete("/events/consumergroups/job:rewards").status_code == 409

    lease.release()
    assert client.delete("/events/consumergroups/job:rewards").status_code == 200
    assert [partition.groups for partition in runtime(hub)] == [()] * 4


def test_the_runtime_information_of_partitions(client: ServiceClient, redis: redis_py.Redis) -> None:
    hub = Hubs(redis, {"events": 4})["events"]
    hub.append([Event(b"1"), Event(b"22")], partition=1, enqueued_ms=1_714_558_500_000)

    assert titles(client.get("/events/consumergroups/$Default/partitions")) == ["0", "1", "2", "3"]
    one = client.get("/events/consumergroups/$Default/Partitions/1?api-version=2015-01")
    assert (text(one, "SizeInBytes"), text(one, "BeginSequenceNumber"), text(one, "EndSequenceNumber")) == (
        str(3 + 2 * OVERHEAD),
        "0",
        "1",
    )
    assert text(one, "LastEnqueuedOffset") == hub.read(1)[1].offset
    assert text(one, "LastEnqueuedTimeUtc") == "2024-05-01T10:15:00.000Z"
    assert text(one, "IncomingBytesPerSecond") == "0"
    none = client.get("/events/consumergroups/$Default/partitions/0")
    assert (text(none, "EndSequenceNumber"), text(none, "LastEnqueuedOffset")) == ("-1", "-1")
    assert text(none, "LastEnqueuedTimeUtc") == "0001-01-01T00:00:00Z"


def test_a_revoked_publisher_cannot_send_until_resumed(client: ServiceClient) -> None:
    body = described("RevokedPublisherDescription", Name="Dev-1")
    assert client.put("/events/revokedPublishers/Dev-1?api-version=2014-05", data=body).status_code == 201
    assert client.put("/events/revokedpublishers/a&lt;b").status_code == 201

    assert client.post("/events/publishers/dev-1/messages", data="x").status_code == 401
    assert titles(client.get("/events/revokedpublishers")) == ["a&lt;b", "dev-1"]
    assert text(client.get("/events/revokedpublishers/dev-1"), "Name") == "dev-1"

    assert client.delete("/events/revokedpublishers/DEV-1").status_code == 200
    assert client.post("/events/publishers/dev-1/messages", data="x").status_code == 201


@pytest.mark.parametrize(
    ("right", "method", "path", "status"),
    [
        (Right.LISTEN, "GET", "/events", 401),
        (Right.LISTEN, "GET", "/$Resources/Eventhubs", 401),
        (Right.SEND, "PUT", "/orders", 401),
        (Right.SEND, "DELETE", "/events", 401),
        (Right.LISTEN, "PUT", "/events/consumergroups/x", 401),
        (Right.SEND, "PUT", "/events/revokedpublishers/x", 401),
        (Right.LISTEN, "GET", "/events/consumergroups/$Default/partitions", 200),
        (Right.SEND, "GET", "/events/consumergroups/$Default/partitions/0", 401),
        (Right.LISTEN, "GET", "/hubs", 200),
        (Right.SEND, "GET", "/hubs/events", 401),
        (Right.SEND, "GET", "/hubs/events/partitions/0/tail", 401),
        (Right.LISTEN, "PUT", "/hubs/events/consumergroups/$Default/partitions/0/offset", 200),
        (Right.SEND, "PUT", "/hubs/events/consumergroups/$Default/partitions/0/offset", 401),
    ],
)
def test_managing_needs_manage_and_reading_needs_listen(
    client: ServiceClient, redis: redis_py.Redis, right: Right, method: str, path: str, status: int
) -> None:
    rule = Rules(redis, stack.ROOT).add("limited", frozenset({right}))
    headers = {"Authorization": stack.token(connection=ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary))}

    assert client.open(path, method=method, headers=headers, json={"offset": "0"}).status_code == status


def test_a_hub_s_own_rule_manages_that_hub_only(client: ServiceClient, redis: redis_py.Redis) -> None:
    rule = Rules(redis, stack.ROOT).add("mine", frozenset(Right), "events")
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    headers = {"Authorization": stack.token("events", connection=connection)}

    assert client.get("/events", headers=headers).status_code == 200
    assert client.put("/orders", headers=headers).status_code == 401
    assert client.get("/$Resources/Eventhubs", headers=headers).status_code == 401
    assert client.get("/hubs", headers=headers).status_code == 401


def test_the_rules_of_a_hub_go_with_it(client: ServiceClient, redis: redis_py.Redis) -> None:
    rule = Rules(redis, stack.ROOT).add("mine", frozenset(Right), "events")
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    assert client.delete("/events").status_code == 200
    assert client.put("/events").status_code == 201

    headers = {"Authorization": stack.token("events", connection=connection)}
    assert client.get("/events", headers=headers).status_code == 401


@pytest.fixture
def service_bus(nginx: LiveServer, redis: redis_py.Redis) -> Iterator[ServiceBusService]:
    """azure-servicebus 0.21.1, unchanged; only its transport is told to use plain HTTP."""
    with requests.Session() as session:
        service = ServiceBusService(
            "127.0.0.1",
            shared_access_key_name=stack.ROOT.key_name,
            shared_access_key_value=stack.ROOT.key,
            host_base=f":{nginx.address.rpartition(':')[2]}",
            request_session=session,
        )
        service._httpclient.protocol = "http"
        yield service


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # the client's, on Python 3.12
def test_azure_servicebus_manages_hubs(service_bus: ServiceBusService) -> None:
    wanted = EventHub(message_retention_in_days=3, partition_count=2, user_metadata="ours")
    assert service_bus.create_event_hub("orders", wanted, fail_on_exist=True)
    with pytest.raises(AzureConflictHttpError):
        service_bus.create_event_hub("orders", wanted, fail_on_exist=True)
    assert not service_bus.create_event_hub("orders", wanted)

    hub = service_bus.get_event_hub("orders")
    assert (hub.name, hub.partition_count, hub.message_retention_in_days) == ("orders", 2, 3)
    assert (hub.partition_ids, hub.user_metadata, hub.status) == (["0", "1"], "ours", "Active")
    changed = service_bus.update_event_hub("orders", EventHub(message_retention_in_days=1, partition_count=2))
    assert changed.message_retention_in_days == 1

    service_bus.send_event("orders", "x")
    kept = len("x" + "application/atom+xml;type=entry;charset=utf-8") + OVERHEAD
    assert service_bus.get_event_hub("orders").size_in_bytes == kept
    assert service_bus.delete_event_hub("orders", fail_not_exist=True)
    with pytest.raises(AzureMissingResourceHttpError):
        service_bus.delete_event_hub("orders", fail_not_exist=True)
