"""What docs/devices.md shows is taken by those that it is for."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from keras_alexnet.commands import flags
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.workers.environment import Workers, find_workers

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "devices.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def settings(command: list[str]) -> TrainingConfig:
    given = [word for word in command if word.startswith("--")]
    config, rest = flags.parse(TrainingConfig, ["train", *given])
    assert not rest
    return config


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict]:
    (text,) = blocks("yaml")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


@pytest.mark.parametrize("script", blocks("bash"))
def test_scripts_are_bashs_and_their_flags_ours(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    command = shlex.split(script[script.index("python scripts/train.py") :])
    assert settings(command).model_dir == "/shared/runs/paper"


def test_the_tf_config_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(next(each for each in blocks("bash") if "TF_CONFIG" in each))
    given = next(word for word in words if word.startswith("TF_CONFIG="))
    monkeypatch.setenv(*given.split("=", 1))
    assert find_workers() == Workers(("10.0.0.1:2222", "10.0.0.2:2222"), 0)


@pytest.mark.parametrize("kind", ["Service", "Job"])
def test_manifests_keep_the_schema_of_kubernetes(
    manifests: dict[str, dict], kind: str
) -> None:
    assert set(manifests) == {"Service", "Job"}
    latest = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifests[kind], latest, strict=True)


def test_the_pods_are_the_workers(
    manifests: dict[str, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, service = manifests["Job"], manifests["Service"]
    pod = job["spec"]["template"]["spec"]
    name, (container,) = job["metadata"]["name"], pod["containers"]
    port = container["ports"][0]["containerPort"]
    assert service["spec"]["ports"][0]["port"] == port
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert service["metadata"]["name"] == pod["subdomain"]
    count = job["spec"]["completions"]
    assert job["spec"]["parallelism"] == count
    # The pod of index i has the host name NAME-i.
    hosts = tuple(f"{name}-{each}.{pod['subdomain']}:{port}" for each in range(count))
    index, config = container["env"]
    for each in range(count):
        monkeypatch.setenv(
            "TF_CONFIG", config["value"].replace(f"$({index['name']})", str(each))
        )
        assert find_workers() == Workers(hosts, each)


def test_the_job_has_what_it_mounts(manifests: dict[str, dict]) -> None:
    pod = manifests["Job"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert {each["name"] for each in pod["volumes"]} == set(mounts)
    config = settings(container["args"])
    assert config.data.partition(":")[2].startswith(mounts["data"])
    assert config.model_dir.startswith(mounts["runs"])
