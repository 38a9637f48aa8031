"""The signature: HMAC-SHA256 of that text, as base64."""

import base64
import hashlib
import hmac
from urllib.parse import quote

ADDRESS = "http://contoso.servicebus.windows.net/"
EXPIRY = 1476214239  # Unix seconds: in October 2016
KEY = "bm8gc2VjcmV0LCBzaW5jZSBpdCBzdGFuZHMgaW4gdGhlIGd1aWRl"


def text_to_sign(resource, expiry):
    """`resource` is escaped already."""
    return f"{resource}\n{expiry}"


def signature(resource, expiry, key):
    """The key is its text. It looks like base64, and is not decoded."""
    text = text_to_sign(resource, expiry)
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


if __name__ == "__main__":
    print(signature(quote(ADDRESS, safe=""), EXPIRY, KEY))
    print(signature("audience", 1578099723, "key"))
