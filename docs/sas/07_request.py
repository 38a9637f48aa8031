"""The request of the notes, from a token made by hand to the answer.

python docs/sas/07_request.py CONNECTION_STRING
"""

import base64
import hashlib
import hmac
import re
import socket
import sys
import time
from urllib.parse import quote, urlsplit

BODY = (
    b'{ "DeviceId" : "ArduinoYun",\r\n'
    b'  "SensorData" : [ { "SensorId" : "awk",\r\n'
    b'        "SensorType" : "temperature",\r\n'
    b'        "SensorValue" : 24.5\r\n'
    b"      } ]\r\n"
    b"}"
)


def escape_as_dotnet(text):
    return re.sub("%..", lambda found: found[0].lower(), quote(text, safe=""))


def signature(resource, expiry, key):
    """The key is its text. It looks like base64, and is not decoded."""
    text = f"{resource}\n{expiry}"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def token(address, expiry, rule, key, escape=escape_as_dotnet):
    resource = escape(address)
    sig = escape(signature(resource, expiry, key))
    return f"SharedAccessSignature sr={resource}&sig={sig}&se={expiry}&skn={escape(rule)}"


def request(host, authorization):
    """Return the head of the request. `ContentType` is misspelt in the notes, too."""
    return (
        f"POST https://{host}/events/messages?timeout=60&api-version=2014-01 HTTP/1.1\r\n"
        "User-Agent: Fiddler\r\n"
        f"Authorization: {authorization}\r\n"
        "ContentType: application/atom+xml;type=entry;charset=utf-8\r\n"
        f"Host: {host}\r\n"
        f"Content-Length: {len(BODY)}\r\n"
        "Expect: 100-continue\r\n"
        "\r\n"
    )


if __name__ == "__main__":
    fields = dict(field.split("=", 1) for field in sys.argv[1].split(";") if field)
    server = urlsplit(fields["Endpoint"])
    rule, key = fields["SharedAccessKeyName"], fields["SharedAccessKey"]
    header = token(f"http://{server.netloc}/", int(time.time()) + 600, rule, key)
    head = request(server.netloc, header)
    print(head)
    with socket.create_connection((server.hostname, server.port), timeout=60) as connection:
        answers = connection.makefile(newline="\r\n")
        connection.sendall(head.encode())
        print(answers.readline().strip())  # 100: the service has read the head, and wants the body
        answers.readline()
        connection.sendall(BODY)
        print(answers.readline().strip())
