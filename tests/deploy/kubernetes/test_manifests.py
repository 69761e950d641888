"""The manifests are valid, agree with the code and are hardened; each check notices a planted fault."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest

from tests.deploy.kubernetes import hardening, truth
from tests.deploy.kubernetes.manifests import OVERLAYS, Manifests, build

KUBERNETES = "1.37"
Check = Callable[[Manifests], list[str]]
Plant = Callable[[Manifests], Any]


def _pod(manifests: Manifests, name: str = "gateway") -> Any:
    return manifests.pod(name)


def _box(manifests: Manifests, name: str = "gateway") -> Any:
    return manifests.container(name)


def _spec(manifests: Manifests, kind: str, name: str) -> Any:
    return manifests.one(kind, name)["spec"]


def _config(manifests: Manifests) -> Any:
    (found,) = manifests.every("ConfigMap")
    return found["data"]


_ELSEWHERE = ["python3", "/elsewhere/probe_inference.py", "alive"]
_OPEN = {"CROSSRANK_IDENTITIES": "", "CROSSRANK_OPEN_TO_ALL": "true"}
_TAKES_ONE = {"rollingUpdate": {"maxUnavailable": 1}}

PLANTED: list[tuple[Check, Plant]] = [
    (truth.settings_exist, lambda m: _config(m).update(CROSSRANK_NO_SUCH="1")),
    (truth.settings_exist, lambda m: _config(m).update(CROSSRANK_DRAIN_S="soon")),
    (truth.settings_exist, lambda m: _config(m).update(CROSSRANK_PROCESSES="2")),
    (truth.secrets_stay_outside, lambda m: _box(m)["env"][0].update(valueFrom={}, value="postgresql://u:p@h/d")),
    (truth.callers_are_asked_who_they_are, lambda m: _config(m).update(_OPEN)),
    (truth.callers_are_asked_who_they_are, lambda m: _pod(m)["volumes"][0]["secret"].update(secretName="other")),
    (truth.ports_agree, lambda m: _config(m).update(CROSSRANK_LISTEN="0.0.0.0:50059")),
    (truth.ports_agree, lambda m: _box(m)["readinessProbe"]["grpc"].update(port=50051)),
    (truth.ports_agree, lambda m: _box(m, "triton")["ports"][1].update(containerPort=9999)),
    (truth.ports_agree, lambda m: _spec(m, "Service", "triton")["ports"][0].update(targetPort="http")),
    (truth.ports_agree, lambda m: _spec(m, "NetworkPolicy", "triton")["ingress"].pop()),
    (truth.triton_servers_are_named, lambda m: _spec(m, "StatefulSet", "triton").update(replicas=3)),
    (truth.triton_servers_are_named, lambda m: _spec(m, "Service", "triton").pop("clusterIP")),
    (truth.triton_knows_its_flags, lambda m: _box(m, "triton")["args"].append("--allow-htp=false")),
    (truth.health_names_exist, lambda m: _box(m)["livenessProbe"]["grpc"].update(service="")),
    (truth.there_is_time_to_stop, lambda m: _pod(m).update(terminationGracePeriodSeconds=16)),
    (truth.there_is_time_to_stop, lambda m: _pod(m, "triton").update(terminationGracePeriodSeconds=25)),
    (truth.images_are_ours, lambda m: _box(m).update(image="crossrank-gateway:latest")),
    (truth.images_are_ours, lambda m: _pod(m, "triton")["securityContext"].update(runAsUser=10001)),
    (truth.models_are_where_they_are_read, lambda m: _config(m).update(CROSSRANK_MODEL_REPOSITORY="/elsewhere")),
    (truth.models_are_where_they_are_read, lambda m: _config(m).update(CROSSRANK_MODEL="absent")),
    (truth.probes_are_in_the_image, lambda m: _box(m, "triton")["livenessProbe"].update(timeoutSeconds=8)),
    (
        truth.probes_are_in_the_image,
        lambda m: _box(m, "triton")["livenessProbe"]["exec"].update(command=["sh", "x", "y"]),
    ),
    (truth.names_meet, lambda m: _spec(m, "Service", "gateway")["selector"].update(app="x")),
    (truth.names_meet, lambda m: _spec(m, "HorizontalPodAutoscaler", "gateway")["scaleTargetRef"].update(name="x")),
    (hardening.pods_are_restricted, lambda m: _pod(m)["securityContext"].update(runAsNonRoot=False)),
    (hardening.pods_are_restricted, lambda m: _box(m, "triton")["securityContext"].pop("capabilities")),
    (hardening.pods_are_restricted, lambda m: _pod(m).update(hostNetwork=True)),
    (hardening.the_namespace_enforces_it, lambda m: m.every("Service")[0]["metadata"].update(namespace="default")),
    (hardening.the_namespace_enforces_it, lambda m: m.every("Namespace")[0]["metadata"]["labels"].clear()),
    (hardening.the_network_is_closed, lambda m: m.documents.remove(m.one("NetworkPolicy", "default-deny"))),
    (hardening.the_network_is_closed, lambda m: _spec(m, "NetworkPolicy", "gateway")["ingress"][0].pop("from")),
    (hardening.resources_are_stated, lambda m: _box(m)["resources"]["limits"].clear()),
    (hardening.resources_are_stated, lambda m: _pod(m, "triton")["volumes"][0]["emptyDir"].pop("medium")),
    (hardening.rollouts_cost_nothing, lambda m: _spec(m, "Deployment", "gateway").update(strategy=_TAKES_ONE)),
    (hardening.rollouts_cost_nothing, lambda m: _pod(m, "triton").pop("topologySpreadConstraints")),
]
CHECKS = list(dict.fromkeys(check for check, _ in PLANTED))
NAMES = [f"{check.__name__}-{number}" for number, (check, _) in enumerate(PLANTED)]


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """The manifests of each overlay in turn."""
    return build(request.param)


def test_every_document_is_valid(manifests: Manifests) -> None:
    for document in manifests.documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_a_misspelt_field_is_not_valid(manifests: Manifests) -> None:
    document = deepcopy(manifests.one("Deployment", "gateway"))
    document["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_the_manifests_pass(check: Check, manifests: Manifests) -> None:
    assert check(manifests) == []


@pytest.mark.parametrize(("check", "plant"), PLANTED, ids=NAMES)
def test_a_planted_fault_is_found(check: Check, plant: Plant, manifests: Manifests) -> None:
    broken = Manifests(deepcopy(manifests.documents))
    before = check(broken)
    plant(broken)
    assert set(check(broken)) - set(before)


def test_every_check_is_run() -> None:
    defined = {
        value
        for module in (truth, hardening)
        for name, value in vars(module).items()
        if callable(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert defined == set(CHECKS)


def test_only_the_gpu_overlay_asks_for_gpus_and_has_the_image_for_them() -> None:
    boxes = {overlay: build(overlay).container("triton") for overlay in OVERLAYS}
    asked = {name: box["resources"]["limits"].get("nvidia.com/gpu") for name, box in boxes.items()}
    assert asked == {"cpu": None, "gpu": 1}
    assert {name: box["image"].endswith("-gpu") for name, box in boxes.items()} == {"cpu": False, "gpu": True}
