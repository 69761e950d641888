"""Checks that manifests agree with the code: each returns what does not."""

import re
import subprocess
import tomllib
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import mkdtemp

from deploy.local.parts.triton_binary import find_triton
from gateway.domain.limits import Limits
from gateway.knobs import describe
from gateway.rpc.health import LIVENESS
from gateway.server.grpc_server import ServerSettings
from gateway.settings import SettingsInvalid, read_settings
from tests.deploy.kubernetes.manifests import Document, Manifests, dockerfile
from tests.paths import ROOT


def settings_exist(manifests: Manifests) -> list[str]:
    """The gateway would start with these settings; there is one in a container, and more of them are replicas."""
    known = {knob.variable for knob in describe()} - {"CROSSRANK_PROCESSES"}
    unknown = [name for name in manifests.settings() if name not in known]
    try:
        read_settings(manifests.settings())
    except SettingsInvalid as fault:
        return [*unknown, str(fault)]
    return unknown


def secrets_stay_outside(manifests: Manifests) -> list[str]:
    """The PostgreSQL URL, which holds a password, comes from a Secret that is not among the manifests."""
    (variable,) = [one for one in manifests.container("gateway")["env"] if one["name"] == "CROSSRANK_POSTGRES_URL"]
    reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
    faults = [] if reference.get("key") and not reference.get("optional") else ["the URL is no mandatory secretKeyRef"]
    faults += [f"Secret {one['metadata']['name']} is committed" for one in manifests.every("Secret")]
    return faults + ["a URL in a ConfigMap"] * ("CROSSRANK_POSTGRES_URL" in str(manifests.every("ConfigMap")))


def callers_are_asked_who_they_are(manifests: Manifests) -> list[str]:
    """The identities come from a Secret that is mounted to be read, and nothing opens the gateway to all."""
    settings = read_settings(manifests.settings())
    faults = ["everybody may call everything"] if settings.open_to_all or not settings.identities else []
    secrets = manifests.mounted_secrets("gateway").values()
    return faults + ([] if "crossrank-identities" in secrets else ["the Secret crossrank-identities is not mounted"])


def ports_agree(manifests: Manifests) -> list[str]:
    """Container ports, probes, services and network policies name the ports that the programs listen on."""
    settings, flags = manifests.settings(), manifests.flags("triton")
    listening = {
        "gateway": {
            "grpc": int(settings["CROSSRANK_LISTEN"].rpartition(":")[2]),
            "health": int(settings["CROSSRANK_HEALTH_LISTEN"].rpartition(":")[2]),
            "metrics": int(settings["CROSSRANK_METRICS_LISTEN"].rpartition(":")[2]),
        },
        "triton": {"grpc": int(flags["grpc-port"]), "metrics": int(flags["metrics-port"])},
    }
    faults = [
        f"{name} exposes {manifests.ports(name)}" for name in listening if manifests.ports(name) != listening[name]
    ]
    for name, ports in listening.items():
        container = manifests.container(name)
        probed = [one["grpc"]["port"] for key, one in container.items() if key.endswith("Probe") and "grpc" in one]
        faults += [f"{name} is probed at {port}" for port in probed if port != ports["health"]]
        for port in manifests.one("Service", name)["spec"]["ports"]:
            if ports.get(port["targetPort"]) != port["port"]:
                faults.append(f"service {name} leads {port['port']} to {port['targetPort']}")
        rules = manifests.one("NetworkPolicy", name)["spec"]["ingress"]
        callers = {port for kind, port in ports.items() if kind != "health"}  # which the node alone asks
        if {port["port"] for rule in rules for port in rule["ports"]} != callers:
            faults.append(f"the network policy of {name} does not let in exactly {ports}")
    return faults


def triton_servers_are_named(manifests: Manifests) -> list[str]:
    """CROSSRANK_TRITON_URLS lists each replica of the StatefulSet by the name that DNS gives it."""
    triton = manifests.one("StatefulSet", "triton")
    service, port = triton["spec"]["serviceName"], manifests.ports("triton")["grpc"]
    names = [f"triton-{number}.{service}:{port}" for number in range(triton["spec"]["replicas"])]
    given = manifests.settings()["CROSSRANK_TRITON_URLS"].split(",")
    faults = [] if given == names else [f"{given} instead of {names}"]
    if manifests.one("Service", service)["spec"].get("clusterIP") != "None":
        faults.append(f"service {service} is not headless: its pods have no names")
    return faults


def triton_knows_its_flags(manifests: Manifests) -> list[str]:
    """Every argument is an option that tritonserver explains in its --help."""
    offered = set(re.findall(r"--([a-z-]+)", _triton_help()))
    return [f"tritonserver has no --{flag}" for flag in manifests.flags("triton") if flag not in offered]


def health_names_exist(manifests: Manifests) -> list[str]:
    """gRPC probes ask for services that the gateway's health knows."""
    container = manifests.container("gateway")
    asked = {key: one["grpc"].get("service", "") for key, one in container.items() if key.endswith("Probe")}
    expected = {"startupProbe": LIVENESS, "livenessProbe": LIVENESS, "readinessProbe": ""}
    return [] if asked == expected else [f"{asked} instead of {expected}"]


def there_is_time_to_stop(manifests: Manifests) -> list[str]:
    """Kubernetes waits longer than the programs need to end."""
    grace_s: dict[str, float] = {
        "gateway": float(manifests.settings()["CROSSRANK_DRAIN_S"]) + ServerSettings("", Limits()).grace_s,
        "triton": float(manifests.flags("triton")["exit-timeout-secs"]),
    }
    faults = []
    for name, needed_s in grace_s.items():
        needed_s += manifests.container(name)["lifecycle"]["preStop"]["sleep"]["seconds"]
        given_s = manifests.pod(name)["terminationGracePeriodSeconds"]
        if given_s <= needed_s:
            faults.append(f"{name} is killed after {given_s} s but needs {needed_s:g} s")
    return faults


def images_are_ours(manifests: Manifests) -> list[str]:
    """Each image has a Dockerfile, the project's version as tag, and runs as the user that the Dockerfile names."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    faults = []
    for name in ("gateway", "triton"):
        image, _, tag = manifests.container(name)["image"].partition(":")
        if image != f"crossrank-{name}" or tag.removesuffix("-gpu") != version:
            faults.append(f"image {image}:{tag} is not crossrank-{name}:{version}")
        user = re.findall(r"^USER (\d+):", dockerfile(name), re.MULTILINE)[-1]
        if str(manifests.pod(name)["securityContext"]["runAsUser"]) != user:
            faults.append(f"{name} runs as another user than {user} of its Dockerfile")
    return faults


def models_are_where_they_are_read(manifests: Manifests) -> list[str]:
    """Both images hold the model repository where the programs look for it, and it holds the models that they name."""
    settings = read_settings(manifests.settings())
    faults = []
    for name, folder in (
        ("gateway", settings.model_repository),
        ("triton", manifests.flags("triton")["model-repository"]),
    ):
        if not re.search(
            rf"^COPY (model_repository|\$\{{MODELS\}}) {re.escape(folder)}$", dockerfile(name), re.MULTILINE
        ):
            faults.append(f"the image of {name} has no models at {folder}")
    return faults + [
        f"model {model} has no config.pbtxt"
        for model in (settings.model, settings.embedding_model)
        if not (ROOT / "model_repository" / model / "config.pbtxt").is_file()
    ]


def probes_are_in_the_image(manifests: Manifests) -> list[str]:
    """The inference probe is copied to where Kubernetes calls it, and Kubernetes waits for its answer."""
    faults = []
    for key in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = manifests.container("triton")[key]
        interpreter, script, mode = probe["exec"]["command"]
        folder, _, name = script.rpartition("/")
        if interpreter != "python3" or not re.search(
            rf"^COPY .*/{name} .*{folder}/$", dockerfile("triton"), re.MULTILINE
        ):
            faults.append(f"{key}: {script} is not in the image")
        questions = {"ready": 1, "alive": 2}.get(mode, 100)
        if probe["timeoutSeconds"] <= questions * _probe_timeout_s():
            faults.append(f"{key}: {mode} may take longer than {probe['timeoutSeconds']} s")
    return faults


def names_meet(manifests: Manifests) -> list[str]:
    """Services, budgets, policies and the autoscaler select workloads that exist."""
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in manifests.workloads]
    selectors: list[Document] = [one["spec"]["selector"] for one in manifests.every("Service")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in manifests.every("PodDisruptionBudget")]
    selectors += [one["spec"]["podSelector"].get("matchLabels", {}) for one in manifests.every("NetworkPolicy")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in manifests.workloads]
    faults = [
        f"nothing has the labels {one}" for one in selectors if not any(one.items() <= has.items() for has in labels)
    ]
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests.workloads]
    targets = [one["spec"]["scaleTargetRef"] for one in manifests.every("HorizontalPodAutoscaler")]
    return faults + [f"{one} does not exist" for one in targets if (one["kind"], one["name"]) not in names]


@cache
def _triton_help() -> str:
    binary = find_triton(Path(mkdtemp()))
    done = subprocess.run(
        (str(binary.executable), "--help"), env=dict(binary.search_paths), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@cache
def _probe_timeout_s() -> float:
    spec = spec_from_file_location("probe_inference", ROOT / "deploy/docker/probe_inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return float(module.TIMEOUT_S)
