"""The variables that deploy/ and the `wz` command read themselves, listed here so that one page has all of them."""

from __future__ import annotations

from typing import NamedTuple


class DeploymentSetting(NamedTuple):
    """A variable, and the default of the program that reads it."""

    variable: str
    kind: str
    default: str
    about: str


DEPLOYMENT = (
    DeploymentSetting("WEB_CONCURRENCY", "number", "one a core; `wz up`: 2", "Processes of gunicorn."),
    DeploymentSetting("WZ_SOCKET", "path", "/run/wz/gunicorn.sock", "gunicorn's unix socket, which nginx.conf names."),
    DeploymentSetting("WZ_ACCESS_LOG", "file", "", "gunicorn's access log, beside nginx's; `-` is standard output."),
    DeploymentSetting("WZ_REDIS_SERVER", "program", "on PATH", "The Redis or Valkey that `wz up` runs."),
    DeploymentSetting("WZ_NGINX", "program", "on PATH", "The nginx that `wz up` and the container run."),
    DeploymentSetting("WZ_NGINX_CONF", "file", "from `wz up`", "Its configuration, for the Procfile."),
    DeploymentSetting("WZ_DEPLOY", "folder", "from `wz up`", "The folder deploy/, for the Procfile."),
    DeploymentSetting("WZ_REDIS_DIR", "folder", "from `wz up`", "Where the Procfile's Redis keeps its data."),
    DeploymentSetting("WZ_REDIS_SOCKET", "path", "from `wz up`", "The unix socket of the Procfile's Redis."),
    DeploymentSetting(
        "WZ_STOP_SECONDS",
        "number",
        "9",
        "Seconds from SIGTERM until all in a container have ended; less than its runtime waits.",
    ),
    DeploymentSetting(
        "WZ_STATE",
        "folder",
        "`.wz`, here or above",
        "Where `wz up` keeps its data, and commands find it.",
    ),
    DeploymentSetting(
        "WZ_CHECKOUT",
        "folder",
        "in pytest's ini file",
        "The checkout from which the fixture of pytest runs the service.",
    ),
    DeploymentSetting("WZ_APP", "module:name", "in pyproject.toml", "The app that `wz run` and `wz routes` load."),
)
