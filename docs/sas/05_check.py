"""A token is checked: is there such a rule, is the signature by its key, and is it still good?"""

import base64
import hashlib
import hmac
from urllib.parse import quote, unquote

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


def refusal(header, now):
    """Return why the token is not good at a time; None if it is."""
    fields = parse(header)
    key = KEYS.get(unquote(fields["skn"]))
    if key is None or not is_signed(header, key):
        return "InvalidSignature"
    if int(fields["se"]) <= now:
        return "ExpiredToken"
    return None


if __name__ == "__main__":
    good = token(ADDRESS, EXPIRY, RULE, KEY)
    longer = good.replace(f"se={EXPIRY}", f"se={EXPIRY + 3600}")
    print("in time:          ", refusal(good, EXPIRY - 1))
    print("too late:         ", refusal(good, EXPIRY))
    print("made good longer: ", refusal(longer, EXPIRY))
    print("by another key:   ", refusal(token(ADDRESS, EXPIRY, RULE, "my own"), EXPIRY - 1))
    print("by no rule:       ", refusal(token(ADDRESS, EXPIRY, "nobody", ""), EXPIRY - 1))
