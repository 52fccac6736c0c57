"""What is in `serving/`: each file by its proto or schema, and one with another."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import serving_protos
import yaml
from colours import write_versions
from google.protobuf import text_format
from model_server import ModelServer
from tensorflow_serving.config import model_server_config_pb2

from keras_alexnet.commands import flags, predict

SERVING = Path(__file__).resolve().parent.parent.parent / "serving"
IMAGE = "tensorflow/serving:2.21.0"
# tensorflow_serving/model_servers/main.cc; what `tensorflow_model_server --help` shows.
FLAGS = {
    "port": int,
    "rest_api_port": int,
    "model_config_file": str,
    "model_config_file_poll_wait_seconds": int,
    "allow_version_labels_for_unavailable_models": bool,
    "enable_batching": bool,
    "batching_parameters_file": str,
    "monitoring_config_file": str,
    "tensorflow_intra_op_parallelism": int,
    "tensorflow_inter_op_parallelism": int,
}
STATUS = "/v1/models/alexnet"


def models() -> model_server_config_pb2.ModelConfig:
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((SERVING / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    return model


def parameters() -> dict[str, int]:
    message = serving_protos.new("BatchingParameters")
    text_format.Parse((SERVING / "batching_parameters.txt").read_text(), message)
    return {field.name: value.value for field, value in message.ListFields()}


def monitoring() -> serving_protos.message.Message:
    message = serving_protos.new("MonitoringConfig")
    text_format.Parse((SERVING / "monitoring.config").read_text(), message)
    return message.prometheus_config


@pytest.fixture(scope="module")
def service() -> dict:
    """The service in compose.yaml."""
    compose = yaml.safe_load((SERVING / "compose.yaml").read_text())
    assert set(compose) == {"services"}
    (service,) = compose["services"].values()
    return service


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict]:
    """The objects in kubernetes.yaml, by their kind."""
    text = (SERVING / "kubernetes.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def container(manifests: dict[str, dict]) -> dict:
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return container


def test_labels_are_of_versions_that_are_served() -> None:
    model = models()
    assert (model.name, model.model_platform) == ("alexnet", "tensorflow")
    assert set(model.version_labels) == {"stable", "canary"}
    served = model.model_version_policy.specific.versions
    assert set(model.version_labels.values()) <= set(served)


def test_the_model_has_the_name_that_the_client_asks_for() -> None:
    config, _ = flags.parse(predict.Config, ["predict", "--server=http://a:1"])
    assert models().name == config.model_name
    # A request of the client fits in one batch of the server.
    assert config.batch_size <= parameters()["max_batch_size"]


def test_batches_wait_for_less_than_the_client_does() -> None:
    values = parameters()
    assert set(values) == {
        "max_batch_size",
        "batch_timeout_micros",
        "num_batch_threads",
        "max_enqueued_batches",
    }
    assert min(values.values()) > 0
    assert values["batch_timeout_micros"] < 0.1 * 1e6


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(text_format.ParseError, match="max_batch"):
        text_format.Parse(
            "max_batch { value: 3 }", serving_protos.new("BatchingParameters")
        )
    with pytest.raises(text_format.ParseError):
        text_format.Parse("max_batch_size: 3", serving_protos.new("BatchingParameters"))


def arguments(words: list[str]) -> dict[str, str]:
    """The server's flags, each of them known and of its kind."""
    given = dict(word.removeprefix("--").split("=", 1) for word in words)
    assert all(word.startswith("--") for word in words)
    for name, value in given.items():
        kind = FLAGS[name]
        assert kind is not int or value.isdecimal(), name
        assert kind is not bool or value in ("true", "false"), name
    return given


def test_both_run_the_same_server(service: dict, container: dict) -> None:
    assert service["image"] == container["image"] == IMAGE
    assert service["entrypoint"] == container["command"] == ["tensorflow_model_server"]
    given = arguments(service["command"])
    assert given == arguments(container["args"])
    assert given["enable_batching"] == "true"
    # The labels are there from the start, before a version is.
    assert given["allow_version_labels_for_unavailable_models"] == "true"


def test_the_files_are_where_the_server_looks(service: dict, container: dict) -> None:
    mounted = {each["target"]: each for each in service["volumes"]}
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    assert set(mounted) == set(mounts) == {models().base_path, "/config"}
    assert all(each["read_only"] for each in mounted.values())
    assert all(each["readOnly"] for each in mounts.values())
    assert mounted["/config"]["source"] == "."
    paths = [
        value
        for name, value in arguments(service["command"]).items()
        if name.endswith("_file")
    ]
    assert len(paths) == 3
    for path in map(Path, paths):
        assert path.parent == Path("/config")
        assert (SERVING / path.name).is_file()


# https://github.com/compose-spec/compose-spec/blob/main/05-services.md: the keys that
# are used here and the kinds of their values.
def test_compose_has_the_keys_of_the_specification(service: dict) -> None:
    kinds = {
        "image": str,
        "platform": str,
        "entrypoint": list,
        "command": list,
        "ports": list,
        "volumes": list,
        "healthcheck": dict,
        "deploy": dict,
        "restart": str,
    }
    assert {key: type(value) for key, value in service.items()} == kinds
    assert service["restart"] in ("no", "always", "on-failure", "unless-stopped")
    for volume in service["volumes"]:
        assert set(volume) == {"type", "source", "target", "read_only"}
        assert volume["type"] == "bind"
    for port in service["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)
    check = service["healthcheck"]
    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    for name in ("interval", "timeout", "start_period"):
        assert re.fullmatch(r"\d+s", check[name])
    limits = service["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+G", limits["memory"])
    assert float(limits["cpus"]) >= 1


def test_ports_are_those_of_the_server(
    service: dict, container: dict, manifests: dict
) -> None:
    given = arguments(service["command"])
    ports = {"grpc": int(given["port"]), "rest": int(given["rest_api_port"])}
    assert [int(each.rpartition(":")[2]) for each in service["ports"]] == list(
        ports.values()
    )
    of_pod = {each["name"]: each["containerPort"] for each in container["ports"]}
    of_service = manifests["Service"]["spec"]["ports"]
    assert of_pod == ports == {each["name"]: each["port"] for each in of_service}
    assert all(each["targetPort"] == each["name"] for each in of_service)


def test_the_server_uses_the_cores_that_it_may(service: dict, container: dict) -> None:
    given = arguments(service["command"])
    cores = service["deploy"]["resources"]["limits"]["cpus"]
    assert given["tensorflow_intra_op_parallelism"] == cores
    resources = container["resources"]
    assert resources["limits"]["cpu"] == resources["requests"]["cpu"] == cores
    assert set(resources["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_manifests_keep_the_schema_of_kubernetes(manifests: dict, kind: str) -> None:
    assert set(manifests) == {"Deployment", "Service"}
    latest = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifests[kind], latest, strict=True)


def test_the_service_finds_the_pods(manifests: dict) -> None:
    deployment = manifests["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert manifests["Service"]["spec"]["selector"] == labels
    assert deployment["selector"]["matchLabels"] == labels
    pod = deployment["template"]["spec"]
    volumes = {each["name"] for each in pod["volumes"]}
    assert volumes == {each["name"] for each in pod["containers"][0]["volumeMounts"]}


def test_metrics_are_read_where_they_are(manifests: dict) -> None:
    found = manifests["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    prometheus = monitoring()
    assert prometheus.enable
    assert found["prometheus.io/path"] == prometheus.path
    assert found["prometheus.io/port"] == "8501"


@pytest.mark.parametrize("probe", ["startup", "readiness", "liveness"])
def test_probes_ask_for_the_model(container: dict, probe: str) -> None:
    asked = container[f"{probe}Probe"]["httpGet"]
    assert asked == {"path": f"/v1/models/{models().name}", "port": "rest"}


def test_the_health_check_asks_for_the_model(service: dict, tmp_path: Path) -> None:
    first, *command = service["healthcheck"]["test"]
    assert first == "CMD"
    with ModelServer({"alexnet": write_versions(tmp_path)}) as server:
        port = server.http.rpartition(":")[2]
        here = [word.replace("/8501", f"/{port}") for word in command]
        assert subprocess.run(here, check=False).returncode == 0
        other = [word.replace(STATUS, "/v1/models/vgg") for word in here]
        assert subprocess.run(other, check=False).returncode != 0
    nowhere = [word.replace("/8501", "/9") for word in command]
    gone = subprocess.run(nowhere, check=False, stderr=subprocess.DEVNULL)
    assert gone.returncode != 0
