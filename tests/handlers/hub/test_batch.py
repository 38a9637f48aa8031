"""The shape of a batch: what would be lost is refused by its name, and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.hub.batch import batch
from pipeline.hub.event import Event
from wz import Problem

from ..conftest import ServiceClient, detail
from .test_send import BATCH, read_all, send_batch


@pytest.mark.parametrize(
    ("text", "field"),
    [
        pytest.param('[{"Temperature":"25.25"},{"Temperature":"30"}]', "[0].Temperature", id="of a published client"),
        pytest.param('[{"Body":"a"},{"Body":"b","UserPropertys":{"n":1}}]', "[1].UserPropertys", id="unknown, beside"),
        pytest.param('[{"body":"a"}]', "[0].body", id="another case"),
        pytest.param('[{"Body":"a","brokerProperties":{}}]', "[0].brokerProperties", id="another case, beside"),
        pytest.param('[{"records":[{"Body":"a"}]}]', "[0].records", id="a wrapper"),
        pytest.param('[{"Body":"a"},{}]', "[1].Body", id="nothing"),
        pytest.param('[{"IsBodyBase64":true}]', "[0].Body", id="nothing but a flag"),
        pytest.param('[{"Body":"a","Body":"b"}]', "[0].Body", id="twice"),
        pytest.param(r'[{"Body":"a","\u0042ody":"b"}]', "[0].Body", id="twice, once as an escape"),
        pytest.param(r'[{"\u0022":"\u0022"},{"Body":"x"}]', '[0]."', id="unknown, behind escapes"),
        pytest.param(r'[{"Body":"\u0022\u0022","x":1}]', "[0].x", id="as many quotation marks as when it is written"),
        pytest.param('[{"Body":"a","UserProperties":{"n":1,"n":2}}]', "[0].UserProperties.n", id="a property twice"),
        pytest.param(
            '[{"Body":"a","BrokerProperties":{"partitionKey":"k"}}]',
            "[0].BrokerProperties.partitionKey",
            id="a broker property in another case",
        ),
        pytest.param(
            '[{"Body":"a","BrokerProperties":{"PartitionKey":"k","PartitionKey":"l"}}]',
            "[0].BrokerProperties.PartitionKey",
            id="a broker property twice",
        ),
        pytest.param('[{"UserProperties":{"a":{"b":1}}}]', "[0].UserProperties.a", id="an object as a property"),
        pytest.param('[{"UserProperties":{"a":1,"b":[1]}}]', "[0].UserProperties.b", id="an array as a property"),
        pytest.param('[{"UserProperties":{"a":1e400}}]', "[0].UserProperties.a", id="a number out of range"),
        pytest.param('[{"UserProperties":{"a":NaN}}]', "[0].UserProperties.a", id="not a number"),
        pytest.param(r'[{"Body":"\ud800"}]', "[0].Body", id="half a character"),
        pytest.param(r'[{"UserProperties":{"a":"x\udfffy"}}]', "[0].UserProperties.a", id="half, in a property"),
        pytest.param(r'[{"UserProperties":{"\ud83d":1}}]', "[0].UserProperties.\\ud83d", id="half, in a name"),
        pytest.param('[{"Body":"YQ"  ,"IsBodyBase64":true}]', "[0].Body", id="base64 without its end"),
        pytest.param('[{"Body":"_-8=","IsBodyBase64":true}]', "[0].Body", id="base64 for URLs"),
        pytest.param('[{"x":' + "[" * 100_000 + "]" * 100_000 + "}]", "body", id="very deep"),
    ],
)
def test_what_would_be_lost_is_refused_by_its_name(text: str, field: str) -> None:
    with pytest.raises(Problem) as caught:
        batch(text.encode())

    assert (caught.value.code, caught.value.members["field"]) == (400, field)
    assert "truncated" not in str(caught.value.description)


@pytest.mark.parametrize(
    ("item", "event"),
    [
        pytest.param('{"UserProperties":{"n":1}}', Event(b"", properties={"n": 1}), id="properties alone"),
        pytest.param('{"BrokerProperties":{"PartitionKey":"k"}}', Event(b"", "k"), id="a key alone"),
        pytest.param('{"Body":null}', Event(b""), id="a body that is null"),
        pytest.param(
            '{"Body":"a","BrokerProperties":{"Label":"l","MessageId":"m","PartitionKey":"k","Own":{"a":1}}}',
            Event(b"a", "k", message_id="m"),
            id="broker properties that are ignored",
        ),
        pytest.param(r'{"Body":"{\u0022t\u0022:\"\\\"}"}', Event(rb'{"t":"\"}'), id="escapes"),
        pytest.param(r'{"\u0042ody":"\ud83d\ude00"}', Event("😀".encode()), id="an escaped name, a whole character"),
        pytest.param(r'{"Body":"YWJj\r\nZGVm\r\n","IsBodyBase64":true}', Event(b"abcdef"), id="base64 in lines"),
        pytest.param('{"Body":"","IsBodyBase64":true}', Event(b""), id="empty base64"),
    ],
)
def test_what_is_taken(item: str, event: Event) -> None:
    assert batch(f"[{item}]".encode()) == [event]


TEXT = st.text(st.sampled_from('a"\\{}:,\né😀\ud800'), max_size=6)
NAMES = st.sampled_from(["Body", "UserProperties", "BrokerProperties", "IsBodyBase64", "body", "Bodys", '"'])
MEMBERS = st.lists(
    st.tuples(NAMES, st.one_of(st.none(), st.booleans(), TEXT, st.dictionaries(TEXT, TEXT, max_size=2))), max_size=3
)


def written(value: object, escapes: bool) -> str:
    text = json.dumps(value, ensure_ascii=escapes)
    return text.replace(r"\"", r"\u0022") if escapes else text


def read(text: str) -> list[Event]:
    """Return the events of a batch, none if it is refused."""
    try:
        return batch(text.encode(errors="surrogatepass"))
    except Problem as exc:
        return [] if exc.code == 400 else pytest.fail(str(exc))


@given(st.lists(MEMBERS, max_size=3), st.booleans())
def test_a_batch_is_kept_whole_or_refused(items: list[list[tuple[str, Any]]], escapes: bool) -> None:
    objects = [",".join(f"{written(n, escapes)}:{written(v, escapes)}" for n, v in item) for item in items]
    events = read("[" + ",".join(f"{{{members}}}" for members in objects) + "]")

    assert len(events) in (0, len(items))
    for event, item in zip(events, items, strict=False):
        sent = dict(item)
        assert len(sent) == len(item) > 0
        assert sent.keys() <= {"Body", "UserProperties", "BrokerProperties", "IsBodyBase64"}
        assert event.properties == (sent.get("UserProperties") or {})
        if not sent.get("IsBodyBase64"):
            assert event.body.decode() == (sent.get("Body") or "")


def test_a_batch_of_another_shape_stores_nothing(client: ServiceClient) -> None:
    answer = send_batch(client, [{"Body": "1"}, {"Temperature": "25.25", "Deviceid": "esp3"}])

    assert answer.status_code == 400
    assert detail(answer).startswith("[1].Temperature: an event has the members Body, UserProperties, ")
    assert read_all(client) == []


def test_broker_properties_in_another_case_are_refused(client: ServiceClient) -> None:
    for properties in ('{"partitionKey":"k"}', '{"PartitionKey":"k","PartitionKey":"l"}', r'{"PartitionKey":"\ud800"}'):
        answer = client.post("/events/messages", data="x", headers={"BrokerProperties": properties})
        assert answer.status_code == 400
        assert detail(answer).lower().startswith("brokerproperties.partitionkey: ")
    assert read_all(client) == []

    headers = {"BrokerProperties": '{"PartitionKey":"k","Label":"l","Own":1}'}
    assert client.post("/events/messages", data="x", headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        *(("utf-8-sig", ""), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "UTF-16LE")),
        *(("utf-16-be", ""), ("utf-32", "utf-32"), ("utf-8", "utf8"), ("utf-8", '"UTF-8"')),
    ],
)
def test_a_batch_may_be_in_any_encoding_of_unicode(client: ServiceClient, encoding: str, charset: str) -> None:
    data = json.dumps([{"Body": "é😀"}], ensure_ascii=False).encode(encoding)
    content_type = f"{BATCH}; charset={charset}" if charset else BATCH

    assert client.post("/events/messages", data=data, content_type=content_type).status_code == 201
    assert [event["body"] for event in read_all(client)] == ["é😀"]


@pytest.mark.parametrize(
    ("data", "charset", "status", "text"),
    [
        pytest.param('[{"Body":"é"}]'.encode("latin-1"), "", 400, "not a JSON array", id="latin-1 without a word"),
        pytest.param('[{"Body":"é"}]'.encode(), "iso-8859-1", 415, "'iso-8859-1'", id="another charset"),
        pytest.param('[{"Body":"é"}]'.encode(), "utf-16", 400, "the batch is UTF-8", id="another than is said"),
        pytest.param('[{"Body":"é"}]'.encode("utf-16"), "utf-8", 400, "the batch is UTF-16", id="and the reverse"),
        pytest.param('[{"Body":"é"}]'.encode("utf-16")[:-1], "utf-16", 400, "not valid UTF-16", id="half a unit"),
        pytest.param(b'[{"Body":"e"}]', "windows-1252", 201, "", id="another charset, but all is ASCII"),
    ],
)
def test_an_encoding_that_is_not_taken(
    client: ServiceClient, data: bytes, charset: str, status: int, text: str
) -> None:
    content_type = f"{BATCH}; charset={charset}" if charset else BATCH
    answer = client.post("/events/messages", data=data, content_type=content_type)

    assert answer.status_code == status
    assert status == 201 or text in detail(answer)
    assert len(read_all(client)) == (status == 201)
