"""What has to hold for every pod, whoever writes the next one."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
from k8s import FOLDER, render
from packages import SERVICES, pyproject

SERVICE_NAMES = {name: name.replace("_", "-") for name in SERVICES}


def of_kind(objects, *kinds):
    return {item["metadata"]["name"]: item for item in objects if item["kind"] in kinds}


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet")


def pods(objects):
    return {name: item["spec"]["template"]["spec"] for name, item in workloads(objects).items()}


def containers(objects):
    return [(name, container) for name, pod in pods(objects).items() for container in pod["containers"]]


def settings(objects):
    (values,) = [
        c["data"] for n, c in of_kind(objects, "ConfigMap").items() if n.startswith("labelmesh-settings")
    ]
    return values


def environment(objects, service):
    (container,) = pods(objects)[SERVICE_NAMES[service]]["containers"]
    return settings(objects) | {entry["name"]: entry["value"] for entry in container.get("env", ())}


def mounted_secrets(pod):
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "secrets"]
    return {item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]}


def test_every_service_of_the_tree_is_deployed_whole(objects):
    deployed = {
        name: deployment
        for name, deployment in of_kind(objects, "Deployment").items()
        if deployment["metadata"]["labels"].get("labelmesh-role") == "service"
    }
    assert set(deployed) == set(SERVICE_NAMES.values())
    for kind in ("Service", "ServiceAccount", "PodDisruptionBudget"):
        assert set(SERVICE_NAMES.values()) <= set(of_kind(objects, kind)), kind
    for name, deployment in deployed.items():
        assert deployment["spec"]["replicas"] >= 2
        assert pods(objects)[name]["serviceAccountName"] == name


def test_probes_and_limits(objects):
    for name, container in containers(objects):
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), name
        resources = container["resources"]
        assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}, name


def test_services_are_probed_over_grpc_where_they_listen(objects):
    port = int(settings(objects)["LABELMESH_LISTEN"].rpartition(":")[2])
    for name, container in containers(objects):
        if name in SERVICE_NAMES.values():
            assert {entry["containerPort"] for entry in container["ports"]} >= {port}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert container[probe]["grpc"]["port"] == port


def test_no_pod_may_do_more_than_its_work(objects):
    for name, pod in pods(objects).items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for name, container in containers(objects):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_images_are_of_a_named_version(objects):
    for name, container in containers(objects):
        _image, _, tag = container["image"].rpartition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag), f"{name}: {container['image']}"


def test_images_of_the_base_are_of_the_version_in_the_tree(base):
    for service, name in SERVICE_NAMES.items():
        version = tomllib.loads(pyproject(f"labelmesh-{name}").read_text())["project"]["version"]
        (container,) = pods(base)[name]["containers"]
        assert container["image"] == f"labelmesh/{name}:{version}", service


def test_pods_are_given_time_to_end(objects):
    told = settings(objects)
    needed = float(told["LABELMESH_DRAIN_SECONDS"]) + float(told["LABELMESH_GRACE_SECONDS"])
    for name in SERVICE_NAMES.values():
        assert pods(objects)[name]["terminationGracePeriodSeconds"] >= needed + 15


def test_clients_see_every_replica(objects):
    for name in SERVICE_NAMES.values():
        service = of_kind(objects, "Service")[name]["spec"]
        assert service["clusterIP"] == "None"
        template = of_kind(objects, "Deployment")[name]["spec"]["template"]
        assert service["selector"].items() <= template["metadata"]["labels"].items()


def test_secrets_are_referred_to_and_never_kept(objects):
    assert not of_kind(objects, "Secret")
    for service, name in SERVICE_NAMES.items():
        files = {
            Path(value).name
            for key, value in environment(objects, service).items()
            if key.endswith("_FILE") and value.startswith("/run/labelmesh/")
        }
        mounted = mounted_secrets(pods(objects)[name])
        assert mounted >= {"tokens.json"}
        assert files == mounted, service


def test_models_are_mounted_read_only(objects):
    for name, pod in pods(objects).items():
        claims = {v["name"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
        mounts = [mount for c in pod["containers"] for mount in c["volumeMounts"] if mount["name"] in claims]
        assert all(mount["readOnly"] for mount in mounts), name


def test_triton_is_asked_where_it_serves_and_only_by_the_segmenter():
    objects = render(FOLDER / "overlays" / "triton")
    told = environment(objects, "sam_segmenter")
    assert told["LABELMESH_SAM_ENCODER"] == "triton"
    scheme, _, address = told["LABELMESH_TRITON_URL"].partition("///")
    name, _, port = address.partition(":")
    service = of_kind(objects, "Service")[name]["spec"]
    (pod,) = (pod for pod_name, pod in pods(objects).items() if pod_name == name)
    ports = {entry["name"]: entry["containerPort"] for entry in pod["containers"][0]["ports"]}
    assert scheme == "dns:"
    assert [(entry["port"], ports[entry["targetPort"]]) for entry in service["ports"]] == [(int(port), 8001)]
    policies = of_kind(objects, "NetworkPolicy")
    (callers, _metrics) = policies["triton"]["spec"]["ingress"]
    assert callers["from"] == [{"podSelector": policies["to-triton"]["spec"]["podSelector"]}]
    # Its models and the segmenter's decoder are of one export.
    claims = [
        [v["persistentVolumeClaim"] for v in pods(objects)[owner]["volumes"] if v["name"] == "models"]
        for owner in ("triton", "sam-segmenter")
    ]
    assert claims[0] == claims[1]


def test_nothing_goes_in_or_out_unless_a_policy_says_so(objects):
    policies = of_kind(objects, "NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        for direction in ("ingress", "egress"):
            for rule in policy["spec"].get(direction, ()):
                assert rule["ports"], name
                assert rule.get("from") or rule.get("to"), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_accepts_what_it_is_told(objects, service, monkeypatch, tmp_path):
    told = environment(objects, service)
    settings_class = importlib.import_module(f"{service}.settings").Settings
    known = {f"LABELMESH_{name.upper()}" for name in settings_class.model_fields}
    for name, value in told.items():
        assert name in known or name.removesuffix("_FILE") in known, f"{name} is no setting of {service}"
        if value.startswith("/run/labelmesh/"):
            file = tmp_path / Path(value).name
            file.write_text("{}" if file.suffix == ".json" else "postgresql://someone@somewhere/thing")
            value = str(file)
        monkeypatch.setenv(name, value)
    accepted = settings_class()
    assert accepted.listen == told["LABELMESH_LISTEN"]
    if "LABELMESH_DATABASE_URL_FILE" in told:
        assert accepted.database_url == "postgresql://someone@somewhere/thing"
