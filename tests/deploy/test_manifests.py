"""compose.yaml and the manifests for Kubernetes: their schemas, whose times and files agree with the image's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.up import DEPLOY
from pipeline.settings import SETTINGS
from pipeline.settings.deployment import DEPLOYMENT

from .test_container import words

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
KUSTOMIZATION = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
MANIFESTS = [
    manifest
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]
KUBERNETES = "1.30"  # the first with `sleep` in a lifecycle


def name_of(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def deployment(name: str) -> dict[str, Any]:
    (found,) = (one for one in MANIFESTS if name_of(one) == f"Deployment {name}")
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


# -- compose ----------------------------------------------------------------------------------------------------------


def test_compose_yaml_keeps_to_its_schema() -> None:
    spec = find_spec("check_jsonschema")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    schema = Path(spec.submodule_search_locations[0], "builtin_schemas", "vendor", "compose-spec.json")

    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


@pytest.mark.parametrize("service", ["web", "worker"])
def test_compose_gives_each_the_time_that_it_takes_to_end(service: str) -> None:
    one = COMPOSE["services"][service]

    assert int(one["environment"]["WZ_STOP_SECONDS"]) < seconds(one["stop_grace_period"])


def test_compose_asks_for_health_as_the_image_does() -> None:
    assert COMPOSE["services"]["web"]["healthcheck"]["test"] == ["CMD", *words("HEALTHCHECK")]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_nothing_in_compose_may_more_than_it_must(service: str) -> None:
    one = COMPOSE["services"][service]

    assert one["read_only"]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert set(COMPOSE["secrets"]) >= set(one["secrets"])
    assert not re.search("password|SharedAccessKey=", json.dumps(one.get("environment", {})), re.IGNORECASE)


# -- Kubernetes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manifest", MANIFESTS, ids=name_of)
def test_a_manifest_keeps_to_its_schema(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_all_together_keep_to_their_schemas() -> None:
    done = subprocess.run(["kubectl", "kustomize", DEPLOY], capture_output=True, text=True, check=True)

    made = list(yaml.safe_load_all(done.stdout))
    for manifest in made:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    (conf,) = (manifest for manifest in made if manifest["kind"] == "ConfigMap")
    assert conf["data"]["nginx.conf"] == (DEPLOY / "nginx.conf").read_text()
    assert conf["metadata"]["name"] in done.stdout.partition("configMap:")[2]


def test_kustomize_applies_every_file_but_the_example() -> None:
    files = {f"kubernetes/{path.name}" for path in (DEPLOY / "kubernetes").iterdir()}

    assert set(KUSTOMIZATION["resources"]) == files - {"kubernetes/secret.example.yaml"}
    assert KUSTOMIZATION["configMapGenerator"] == [{"name": "wz-nginx", "files": ["nginx.conf"]}]


@pytest.mark.parametrize("name", ["wz-web", "wz-worker"])
def test_a_pod_has_the_time_that_it_takes_to_end(name: str) -> None:
    pod = deployment(name)
    (container,) = pod["containers"]
    waits = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)

    assert waits + int(variables(container)["WZ_STOP_SECONDS"]) < pod["terminationGracePeriodSeconds"]


def test_liveness_does_not_ask_redis_and_readiness_does() -> None:
    (container,) = deployment("wz-web")["containers"]

    paths = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


@pytest.mark.parametrize("name", ["wz-web", "wz-worker"])
def test_a_pod_s_files_are_where_its_variables_say(name: str) -> None:
    """Each file is below a volume; what is a secret's key is in the example of the secret."""
    pod = deployment(name)
    (container,) = pod["containers"]
    mounts = {mount["name"]: Path(mount["mountPath"]) for mount in container["volumeMounts"]}
    (secret,) = (manifest["stringData"] for manifest in MANIFESTS if manifest["kind"] == "Secret")

    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    for variable, value in variables(container).items():
        if variable.startswith("WZ_") and variable.endswith("_FILE"):
            assert Path(value).parent == mounts["secret"]
            assert Path(value).name in secret
    assert mounts["run"] == Path("/run/wz")


@pytest.mark.parametrize("name", ["wz-web", "wz-worker"])
def test_a_pod_is_as_the_profile_restricted_wants_it(name: str) -> None:
    pod = deployment(name)
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


# -- both -------------------------------------------------------------------------------------------------------------


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def set_variables() -> Iterator[str]:
    for service in COMPOSE["services"].values():
        yield from service.get("environment", {})
    for name in ("wz-web", "wz-worker"):
        yield from variables(deployment(name)["containers"][0])


def test_every_variable_is_a_setting() -> None:
    known = {row.variable for row in (*SETTINGS,)} | {row.variable for row in DEPLOYMENT}
    known |= {row.file_variable for row in SETTINGS if row.file}

    assert set(set_variables()) - known == set()


def test_their_user_is_the_image_s() -> None:
    found = re.search(r"useradd .*--uid (\d+) --gid (\d+)", (DEPLOY / "Containerfile").read_text())
    assert found
    for name in ("wz-web", "wz-worker"):
        context = deployment(name)["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(found[1]), int(found[2]))
    assert f"uid={found[1]},gid={found[2]}" in COMPOSE["services"]["web"]["tmpfs"][0]
