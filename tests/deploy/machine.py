"""Runs the commands of docs/deploy.md on a machine of their own, and prints what they print.

    python -m tests.deploy.machine

The machine is systemd, booted in a container whose files are this machine's, below a layer in memory that is dropped at
the end. It needs root, Debian, and `systemd-nspawn` of the package systemd-container; two minutes. The commands that
need a network run before it boots: once booted, it has one of its own, in which all ports are free.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..stack import REPOSITORY

PAGE = REPOSITORY / "docs" / "deploy.md"
SECONDS = 300

#: What each command begins with that runs before systemd does.
_BEFORE = ("apt-get ", "git clone ", "sh /opt/wz/deploy/install.sh")

_SERVICE = """
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash -e /walk.sh
StandardOutput=append:/walk.log
StandardError=append:/walk.log
ExecStopPost=/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
"""

#: After the page's own: what it says of Prometheus's token, of restarts, of stopping with requests under way, of a
#: setting that is wrong, and of TLS.
_MORE = r"""
service=http://127.0.0.1:8080
wz token --header > /token
groupadd --system prometheus
systemctl enable --now prometheus-wz-token.timer
while ! test -s /run/wz-metrics/token; do sleep 0.2; done
ls -l /run/wz-metrics
curl --silent --output /dev/null --write-out 'metrics %{http_code}\n' \
    --header "Authorization: SharedAccessSignature $(cat /run/wz-metrics/token)" $service/metrics
curl --silent --show-error --write-out '%{http_code}\n' --header @/token --data x $service/events/messages
(sleep 0.3; exec curl --silent --show-error --write-out ' %{http_code}\n' $service/healthz) &
systemctl restart wz-web.service
wait
for n in 0 1 2 3; do
    curl --silent --show-error --output /dev/null --write-out '%{http_code}\n' --header @/token \
        "$service/hubs/events/partitions/$n/events?wait=20&after=999" &
done
sleep 2
systemctl stop wz.target
wait
while systemctl is-active --quiet wz-web.socket; do sleep 0.2; done
systemctl is-active wz-nginx.service wz-web.service wz-web.socket wz-worker@1.service || true
echo WZ_HUBS=events:x >> /etc/wz/wz.env
systemctl start wz-web.service || true
while systemctl is-active --quiet wz-web.socket; do
    curl --silent --max-time 1 --unix-socket /run/wz/gunicorn.sock http://localhost/healthz || sleep 0.2
done
systemctl show --property=NRestarts,ExecMainStatus,ActiveState wz-web.service
systemctl show --property=Result,ActiveState wz-web.socket
sed -i /WZ_HUBS=events:x/d /etc/wz/wz.env
systemctl start wz.target wz-web.service
curl --silent --retry 30 --retry-all-errors --retry-delay 1 $service/readyz
install -d /etc/wz/tls
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=wz.example.com -addext subjectAltName=DNS:wz.example.com \
    -keyout /etc/wz/tls/privkey.pem -out /etc/wz/tls/fullchain.pem 2> /dev/null
chmod 640 /etc/wz/tls/privkey.pem
chgrp wz /etc/wz/tls/privkey.pem
TLS_OF_PAGE
curl --silent --retry 30 --retry-all-errors --retry-delay 1 --cacert /etc/wz/tls/fullchain.pem \
    --connect-to wz.example.com:8443:127.0.0.1:8443 --write-out ' %{http_code} HTTP/%{http_version}\n' https://wz.example.com:8443/readyz
curl --silent --output /dev/null --write-out '%{http_code} %{redirect_url}\n' $service/readyz
journalctl --no-pager --unit='wz-*' | tail -60
"""


def tls_commands() -> str:
    """Return the lines of the page that turn TLS on."""
    section = PAGE.read_text().partition("\n## 6. ")[2]
    return section.partition("```sh\n")[2].partition("```")[0]


def commands() -> list[str]:
    """Return the lines after `$ ` of the page's console blocks, in its order."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line.replace("https://HOST/PATH/wz.git", "file:///srv/wz.git") for line in found]


@contextmanager
def layer() -> Iterator[Path]:
    """This machine's files, which can be written to without being changed."""
    with tempfile.TemporaryDirectory(prefix="wz-machine-") as name:
        memory, root = Path(name, "memory"), Path(name, "root")
        memory.mkdir()
        root.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", memory], check=True)
        try:
            for folder in ("upper", "work"):
                (memory / folder).mkdir()
            options = f"lowerdir=/,upperdir={memory / 'upper'},workdir={memory / 'work'}"
            subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", root], check=True)
            try:
                yield root
            finally:
                subprocess.run(["umount", "--recursive", root], check=True)
        finally:
            subprocess.run(["umount", memory], check=True)


def nspawn(root: Path, *arguments: str) -> None:
    base = ["systemd-nspawn", "--quiet", "--directory", str(root), "--register=no", "--keep-unit", "--machine=wz"]
    subprocess.run([*base, *arguments], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, timeout=SECONDS)


def main() -> None:
    lines = commands()
    before = [line for line in lines[: lines.index("systemd-sysusers")] if line.startswith(_BEFORE)]
    after = [
        line for index, line in enumerate(lines) if not (index < lines.index("systemd-sysusers") and line in before)
    ]
    with layer() as root:
        units = root / "etc" / "systemd" / "system"
        for wants in units.glob("*.wants"):
            shutil.rmtree(wants)
        subprocess.run(["git", "clone", "--quiet", "--bare", REPOSITORY, root / "srv" / "wz.git"], check=True)
        nspawn(root, "--pipe", "--setenv=PATH=/usr/sbin:/usr/bin:/sbin:/bin", "/bin/sh", "-exc", "\n".join(before))
        (root / "walk.sh").write_text("set -x\n" + "\n".join(after) + _MORE.replace("TLS_OF_PAGE", tls_commands()))
        (units / "walk.service").write_text(_SERVICE)
        (units / "multi-user.target.wants").mkdir(exist_ok=True)
        (units / "multi-user.target.wants" / "walk.service").symlink_to("../walk.service")
        nspawn(root, "--private-network", "--boot")
        print((root / "walk.log").read_text())


if __name__ == "__main__":
    main()
