"""Can CUDA run every node of an exported graph? A node that falls back to the CPU costs two copies, and CUDA graphs.

Where CUDA is, a session that allows nothing else tells. Elsewhere the graph is held against what is known to fall
back.
"""

from pathlib import Path
from typing import Final

import onnx

from service.runtime import Device, ModelFault, Runtime, missing_for_cuda
from service.runtime.card import CudaGate

OPSET: Final = 18  # newer Pad and MaxPool have no CUDA kernel (microsoft/onnxruntime#26393)
CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})  # no CUDA graph can hold them
STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx"})


class CudaCheckFault(Exception):
    """What of a graph keeps it off CUDA."""


def check_cuda(path: Path) -> CudaGate:
    """Run the strictest check that this machine allows, and tell which it was.

    Raises:
        CudaCheckFault: a node would not run on CUDA, and why.
    """
    check_graph(onnx.load(path))
    if missing_for_cuda() is not None:
        return "graph"
    return _pass_session(path)  # pragma: cuda


def check_graph(model: onnx.ModelProto) -> None:
    """Hold a graph against what is known of CUDA's kernels.

    Raises:
        CudaCheckFault: every reason found.
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


def _pass_session(path: Path) -> CudaGate:  # pragma: cuda
    try:
        Runtime(path, Device.CUDA).check_golden()
    except ModelFault as fault:
        raise CudaCheckFault(f"CUDA does not run every node of this graph, or not right: {fault}") from fault
    return "session"
