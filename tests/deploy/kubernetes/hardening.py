"""Checks that pods may do no more than they need: each returns what may."""

from tests.deploy.kubernetes.manifests import Manifests


def pods_are_restricted(manifests: Manifests) -> list[str]:
    """Pods meet the "restricted" standard, with a read-only file system and no token."""
    faults = []
    for workload in manifests.workloads:
        name = workload["metadata"]["name"]
        pod = manifests.pod(name)
        security, of_pod = manifests.container(name)["securityContext"], pod["securityContext"]
        required = {
            "runs as a user": of_pod.get("runAsNonRoot") is True and of_pod.get("runAsUser", 0) > 0,
            "has a system call filter": of_pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "gains no privileges": security.get("allowPrivilegeEscalation") is False,
            "cannot write to its image": security.get("readOnlyRootFilesystem") is True,
            "has no capabilities": security.get("capabilities") == {"drop": ["ALL"]},
            "has no token": pod.get("automountServiceAccountToken") is False,
            "has an account of its own": pod.get("serviceAccountName") == name,
            "gets no service links": pod.get("enableServiceLinks") is False,
            "has no part of the host": not {"hostNetwork", "hostPID", "hostIPC"} & set(pod),
        }
        faults += [f"{name} does not hold: {what}" for what, holds in required.items() if not holds]
    return faults


def the_namespace_enforces_it(manifests: Manifests) -> list[str]:
    """The namespace enforces the "restricted" standard, and everything lives in it."""
    (namespace,) = manifests.every("Namespace")
    name = namespace["metadata"]["name"]
    faults = [
        f"{one['kind']} {one['metadata']['name']} is elsewhere"
        for one in manifests.documents
        if one is not namespace and one["metadata"].get("namespace") != name
    ]
    enforced = namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
    return faults + ([] if enforced == "restricted" else [f"the namespace enforces {enforced}"])


def the_network_is_closed(manifests: Manifests) -> list[str]:
    """A policy denies everything to every pod, and each workload has a policy that says what it may."""
    closed = [
        one
        for one in manifests.every("NetworkPolicy")
        if one["spec"]["podSelector"] == {} and set(one["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    ]
    faults = [] if any(not one["spec"].get("ingress") and not one["spec"].get("egress") for one in closed) else ["open"]
    for policy in manifests.every("NetworkPolicy"):
        rules = policy["spec"].get("ingress", [])
        faults += [f"{policy['metadata']['name']} lets anybody in" for rule in rules if not rule.get("from")]
    return faults


def resources_are_stated(manifests: Manifests) -> list[str]:
    """Containers request CPU and memory, and memory is limited; shared memory lives in memory and is bounded."""
    faults = []
    for workload in manifests.workloads:
        name = workload["metadata"]["name"]
        resources = manifests.container(name).get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
            faults.append(f"{name} states {resources}")
    mounts = {one["mountPath"]: one["name"] for one in manifests.container("triton")["volumeMounts"]}
    volumes = {one["name"]: one.get("emptyDir", {}) for one in manifests.pod("triton")["volumes"]}
    shared = volumes.get(mounts.get("/dev/shm", ""), {})
    if shared.get("medium") != "Memory" or "sizeLimit" not in shared:
        faults.append(f"/dev/shm of triton is {shared}")
    return faults


def rollouts_cost_nothing(manifests: Manifests) -> list[str]:
    """A rollout keeps every gateway; disruptions take one pod at a time; both spread over nodes; two gateways stay."""
    faults = []
    if manifests.one("Deployment", "gateway")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] != 0:
        faults.append("a rollout takes gateways away")
    if manifests.one("HorizontalPodAutoscaler", "gateway")["spec"]["minReplicas"] < 2:
        faults.append("there may be one gateway only")
    for workload in manifests.workloads:
        name = workload["metadata"]["name"]
        if manifests.one("PodDisruptionBudget", name)["spec"].get("maxUnavailable") != 1:
            faults.append(f"disruptions may take several pods of {name}")
        if not manifests.pod(name).get("topologySpreadConstraints"):
            faults.append(f"pods of {name} may share a node")
    return faults
