"""Checks that CUDA can run every node of an exported graph.

A node that falls back to the CPU costs two copies between the devices and makes CUDA graphs impossible. On a machine
with CUDA the check opens a session in which no other provider is allowed. On other machines it looks for operators and
opsets that are known to fall back.
"""

from pathlib import Path
from typing import Final

import onnx

from service.runtime import Device, ModelFault, Runtime, missing_for_cuda
from service.runtime.card import CudaGate

OPSET: Final = 18  # newer Pad and MaxPool have no CUDA kernel (microsoft/onnxruntime#26393)
CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})  # cannot be part of a CUDA graph
STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx"})


class CudaCheckFault(Exception):
    """CUDA cannot run the graph. The message names every reason."""


def check_cuda(path: Path) -> CudaGate:
    """Run the strictest check that this machine allows.

    Returns:
        ``session`` if a CUDA session ran the model, ``graph`` if only the graph was inspected.

    Raises:
        CudaCheckFault: a node would not run on CUDA.
    """
    check_graph(onnx.load(path))
    if missing_for_cuda() is not None:
        return "graph"
    return _check_in_session(path)  # pragma: cuda


def check_graph(model: onnx.ModelProto) -> None:
    """Look for opsets, operator domains and control flow that have no CUDA kernel. This needs no GPU.

    Raises:
        CudaCheckFault: at least one was found; the message names all of them.
    """
    domains = {opset.domain for opset in model.opset_import} - STANDARD_DOMAINS
    newest = max((opset.version for opset in model.opset_import if opset.domain in STANDARD_DOMAINS), default=0)
    branching = {node.op_type for node in model.graph.node} & CONTROL_FLOW
    faults = [
        *([f"operators of {', '.join(sorted(domains))}"] if domains else []),
        *([f"opset {newest}, newer than {OPSET}"] if newest > OPSET else []),
        *([f"control flow: {', '.join(sorted(branching))}"] if branching else []),
    ]
    if faults:
        raise CudaCheckFault(f"CUDA could not run every node of this graph: {'; '.join(faults)}")


def _check_in_session(path: Path) -> CudaGate:  # pragma: cuda
    try:
        Runtime(path, Device.CUDA).check_golden()
    except ModelFault as fault:
        raise CudaCheckFault(f"CUDA does not run every node of this graph, or gives wrong results: {fault}") from fault
    return "session"
