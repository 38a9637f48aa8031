"""The first segments of the service's own paths, which no hub may be called."""

from __future__ import annotations

import re

from deploy.nginx import DEPLOY
from handlers import create_app
from pipeline.hub.description import RESERVED
from pipeline.settings import Settings

#: What nginx serves, and a folder of files that nothing serves yet.
NOT_ROUTES = {"guide", "static"}

#: Of the dialect; a hub could not have such a name.
DIALECT = {"$Resources"}


def test_no_hub_may_be_called_as_a_path_of_the_service(settings: Settings) -> None:
    rules = [row.rule for row in create_app(settings).routes]
    first = {rule.strip("/").partition("/")[0] for rule in rules}
    own = {segment for segment in first if segment and not segment.startswith("<")} - DIALECT

    assert own - RESERVED == set(), (
        "a hub of this name would take the path of these routes: add them to RESERVED in pipeline/hub/description.py"
    )
    assert RESERVED - own == NOT_ROUTES, "RESERVED in pipeline/hub/description.py has names that are not paths any more"


def test_nginx_knows_the_same_paths() -> None:
    """It answers on them with problem documents, and on those of hubs in XML."""
    conf = (DEPLOY / "nginx.conf").read_text()
    (alternatives,) = re.findall(r'/\(([a-z|\\.]+)\)\(\[/\? \]\|\$\)" /\.refused/problem;', conf)

    assert alternatives.split("|") == [re.escape(name) for name in sorted(RESERVED)], (
        "write them into deploy/nginx.conf"
    )
