"""What is signed: an address, escaped, and the time until which the token is good."""

from urllib.parse import quote

ADDRESS = "http://contoso.servicebus.windows.net/"
EXPIRY = 1476214239  # Unix seconds: in October 2016


def text_to_sign(resource, expiry):
    """`resource` is escaped already."""
    return f"{resource}\n{expiry}"


if __name__ == "__main__":
    print(text_to_sign(quote(ADDRESS, safe=""), EXPIRY))
