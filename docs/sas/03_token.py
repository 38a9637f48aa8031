"""The token: what was signed, the signature, and by whose key, in one header."""

import base64
import hashlib
import hmac
from urllib.parse import quote

ADDRESS = "http://contoso.servicebus.windows.net/"
EXPIRY = 1476214239  # Unix seconds: in October 2016
RULE = "RootManageSharedAccessKey"
KEY = "bm8gc2VjcmV0LCBzaW5jZSBpdCBzdGFuZHMgaW4gdGhlIGd1aWRl"


def escape(text):
    return quote(text, safe="")


def signature(resource, expiry, key):
    """The key is its text. It looks like base64, and is not decoded."""
    text = f"{resource}\n{expiry}"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def token(address, expiry, rule, key):
    resource = escape(address)
    sig = escape(signature(resource, expiry, key))
    return f"SharedAccessSignature sr={resource}&sig={sig}&se={expiry}&skn={escape(rule)}"


if __name__ == "__main__":
    print(token(ADDRESS, EXPIRY, RULE, KEY))
