"""The audience: a token is good for its own address, and for all that is below it."""

import base64
import hashlib
import hmac
from urllib.parse import quote, unquote, urlsplit

ADDRESS = "http://contoso.servicebus.windows.net/"
EXPIRY = 1476214239  # Unix seconds: in October 2016
RULE = "RootManageSharedAccessKey"
KEY = "bm8gc2VjcmV0LCBzaW5jZSBpdCBzdGFuZHMgaW4gdGhlIGd1aWRl"
KEYS = {RULE: KEY}


def escape(text):
    return quote(text, safe="")


def signature(resource, expiry, key):
    """The key is its text. It looks like base64, and is not decoded."""
    text = f"{resource}\n{expiry}"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def token(address, expiry, rule, key, escape=escape):
    resource = escape(address)
    sig = escape(signature(resource, expiry, key))
    return f"SharedAccessSignature sr={resource}&sig={sig}&se={expiry}&skn={escape(rule)}"


def parse(header):
    """Return the fields as they came: nothing is unescaped yet."""
    text = header.partition(" ")[2]
    return dict(field.split("=", 1) for field in text.split("&"))


def is_signed(header, key):
    fields = parse(header)
    expected = signature(fields["sr"], fields["se"], key)
    return hmac.compare_digest(expected.encode(), unquote(fields["sig"]).encode())


def covers(resource, url):
    """Say whether a resource is the URL, or above it: on whole segments of the path."""
    signed, asked = urlsplit(unquote(resource)), urlsplit(url)
    above = [segment for segment in signed.path.split("/") if segment]
    path = [segment for segment in asked.path.split("/") if segment]
    return signed.netloc == asked.netloc and path[: len(above)] == above


def refusal(header, url, now):
    """Return why the token is not good for a URL at a time; None if it is."""
    fields = parse(header)
    key = KEYS.get(unquote(fields["skn"]))
    if key is None or not is_signed(header, key):
        return "InvalidSignature"
    if int(fields["se"]) <= now:
        return "ExpiredToken"
    if not covers(fields["sr"], url):
        return "InvalidAudience"
    return None


if __name__ == "__main__":
    messages = f"{ADDRESS}events/messages"
    for path in ("", "events", "events/messages", "event", "orders"):
        found = refusal(token(ADDRESS + path, EXPIRY, RULE, KEY), messages, EXPIRY - 1)
        print(f"/{path:16}", found)
