"""What `kubectl apply -k` would send for an overlay, and easy ways to find things in it."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.paths import ROOT

OVERLAYS = ("cpu", "gpu")
Document = dict[str, Any]


@dataclass(frozen=True)
class Manifests:
    """The documents of one overlay."""

    documents: list[Document]

    def every(self, kind: str) -> list[Document]:
        """All documents of a kind."""
        return [one for one in self.documents if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Document:
        """The document of this kind and name."""
        (found,) = [one for one in self.every(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def workloads(self) -> list[Document]:
        """Everything that makes pods."""
        return [one for one in self.documents if "template" in one.get("spec", {})]

    def pod(self, workload: str) -> Document:
        """The pod's spec of a workload."""
        (found,) = [one for one in self.workloads if one["metadata"]["name"] == workload]
        spec: Document = found["spec"]["template"]["spec"]
        return spec

    def container(self, workload: str) -> Document:
        """The only container of a workload."""
        (container,) = self.pod(workload)["containers"]
        found: Document = container
        return found

    def ports(self, workload: str) -> dict[str, int]:
        """Named ports of a workload's container."""
        return {port["name"]: port["containerPort"] for port in self.container(workload)["ports"]}

    def flags(self, workload: str) -> dict[str, str]:
        """``--flag=value`` arguments of a workload's container."""
        parts = [argument.removeprefix("--").partition("=") for argument in self.container(workload)["args"]]
        return {name: value for name, _, value in parts}

    def settings(self) -> dict[str, str]:
        """The gateway's environment; what Secrets hold is filled with stand-ins."""
        container = self.container("gateway")
        environment: dict[str, str] = {}
        for source in container["envFrom"]:
            environment |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container["env"]:
            environment[variable["name"]] = variable.get("value", "postgresql://secret.example/crossrank")
        mounted = tuple(f"{folder}/" for folder in self.mounted_secrets("gateway"))
        return {name: __file__ if value.startswith(mounted) else value for name, value in environment.items()}

    def mounted_secrets(self, workload: str) -> dict[str, str]:
        """Names of mandatory Secrets by the folder where a workload's container finds them, to read only."""
        volumes = {one["name"]: one.get("secret", {}) for one in self.pod(workload).get("volumes", ())}
        return {
            mount["mountPath"]: secret["secretName"]
            for mount in self.container(workload).get("volumeMounts", ())
            if mount.get("readOnly") and (secret := volumes.get(mount["name"])) and not secret.get("optional")
        }


def build(overlay: str) -> Manifests:
    """The manifests of an overlay, built by kubectl without a cluster."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = (str(kubectl), "kustomize", str(ROOT / "deploy/kubernetes/overlays" / overlay))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests([document for document in yaml.safe_load_all(done.stdout) if document])


def dockerfile(name: str) -> str:
    """The text of deploy/docker/<name>.Dockerfile with continued lines joined."""
    text = (ROOT / f"deploy/docker/{name}.Dockerfile").read_text(encoding="utf-8")
    return text.replace("\\\n", " ")
