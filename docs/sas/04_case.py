"""The other side: is the signature of a token right? The case of its escapes decides."""

import base64
import hashlib
import hmac
import re
from urllib.parse import quote, unquote

ADDRESS = "http://contoso.servicebus.windows.net/"
EXPIRY = 1476214239  # Unix seconds: in October 2016
RULE = "RootManageSharedAccessKey"
KEY = "bm8gc2VjcmV0LCBzaW5jZSBpdCBzdGFuZHMgaW4gdGhlIGd1aWRl"


def escape(text):
    return quote(text, safe="")


def escape_as_dotnet(text):
    return re.sub("%..", lambda found: found[0].lower(), escape(text))


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


def is_signed_carelessly(header, key):
    fields = parse(header)
    expected = signature(escape(unquote(fields["sr"])), fields["se"], key)
    return expected == unquote(fields["sig"])


if __name__ == "__main__":
    for escaping in (escape, escape_as_dotnet):
        header = token(ADDRESS, EXPIRY, RULE, KEY, escaping)
        fields = parse(header)
        print(fields["sr"], fields["sig"])
        print("   ", is_signed(header, KEY), is_signed_carelessly(header, KEY))
