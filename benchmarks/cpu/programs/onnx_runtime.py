"""ONNX Runtime with one of its providers, or with a provider that another package brings.

python -m benchmarks.cpu.programs.onnx_runtime FOLDER RUNS MODEL PROVIDER OPTIONS ENTRIES
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import onnxruntime as ort

from benchmarks.cpu.programs.timing import Answer, run

PLUGIN: Final = "plugin"  # in place of a provider's name: what the package onnxruntime-ep-openvino brings


def load(model: str, provider: str, options: dict[str, str], entries: dict[str, str]) -> Answer:
    """A session with the service's settings and one thread, that runs every node by the provider."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.enable_mem_pattern = False
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    for name, value in entries.items():
        settings.add_session_config_entry(name, value)
    if provider == PLUGIN:
        _add_plugin(settings, options)
        session = ort.InferenceSession(model, settings)
    elif provider not in ort.get_available_providers():
        sys.exit(f"{provider} is not part of this build of ONNX Runtime: {', '.join(ort.get_available_providers())}")
    else:
        session = ort.InferenceSession(model, settings, providers=[(provider, options)], enable_fallback=0)
    if provider not in (PLUGIN, session.get_providers()[0]):
        sys.exit(f"{provider} did not take these options; the CPU provider ran in its place")
    name = session.get_inputs()[0].name
    return lambda frame: session.run(None, {name: frame})[0]


def _add_plugin(settings: ort.SessionOptions, options: dict[str, str]) -> None:
    plugin = import_module("onnxruntime_ep_openvino")
    ort.register_execution_provider_library("openvino", plugin.get_library_path())
    found = ort.get_ep_devices()
    devices = [one for one in found if one.ep_name == plugin.get_ep_name() and one.ep_metadata["ov_device"] == "CPU"]
    if not devices:
        sys.exit(f"the plug-in offers no device here; the CPU is one of {found[0].device.vendor}")
    settings.add_provider_for_devices(devices, options)


if __name__ == "__main__":
    _, folder, runs, model, provider, *given = sys.argv
    options, entries = map(json.loads, given)
    run(lambda: load(model, provider, options, entries), Path(folder), int(runs))
