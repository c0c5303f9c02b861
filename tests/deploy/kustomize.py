"""Builds kustomizations without kustomize: the features that deploy/kubernetes uses, and no others.

Debian's kubectl is too old for components. Where a newer kubectl is installed, a test compares what both build.
"""

from pathlib import Path
from typing import Any, Final

import jsonpatch
import yaml  # type: ignore[import-untyped]

Manifest = dict[str, Any]
KNOWN: Final = {"apiVersion", "kind", "resources", "components", "images", "patches"}


def build(folder: Path) -> list[Manifest]:
    """The resources of a kustomization, without an order."""
    return _apply(folder, [])


def _apply(folder: Path, resources: list[Manifest]) -> list[Manifest]:
    """Resources, with what the kustomization of ``folder`` adds and changes."""
    given: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert given.keys() <= KNOWN, f"{folder}: {given.keys() - KNOWN} cannot be built here"
    for name in given.get("resources", []):
        resources = [*resources, *_read(folder / name)]
    for name in given.get("components", []):
        resources = _apply(folder / name, resources)
    for image in given.get("images", []):
        _set_tag(resources, image["name"], image["newTag"])
    return [_patched(resource, folder, given.get("patches", [])) for resource in resources]


def _read(path: Path) -> list[Manifest]:
    return build(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))


def _set_tag(resources: list[Manifest], name: str, tag: str) -> None:
    for resource in resources:
        if resource["kind"] == "Deployment":
            for container in resource["spec"]["template"]["spec"]["containers"]:
                if container["image"] == name:
                    container["image"] = f"{name}:{tag}"


def _patched(resource: Manifest, folder: Path, patches: list[Manifest]) -> Manifest:
    for patch in patches:
        target = patch["target"]
        if (resource["kind"], resource["metadata"]["name"]) == (target["kind"], target["name"]):
            resource = jsonpatch.apply_patch(resource, yaml.safe_load((folder / patch["path"]).read_text()))
    return resource
