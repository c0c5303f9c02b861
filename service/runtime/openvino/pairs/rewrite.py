"""Rewrites a network so that its layers at full size run on pairs of pixels."""

import logging
from collections.abc import Sequence
from typing import Final

import openvino as ov
from openvino.passes import ConstantFolding, Manager

from service.runtime.openvino.pairs.maps import Map, Parts, Unsuitable, Value
from service.runtime.openvino.pairs.rules import RULES

BEGINNINGS: Final = ("Convolution", "Interpolate")  # they make a map at full size of something else
NARROWEST: Final = 8  # pixels; OpenVINO answers some paired networks of width 2 wrongly

logger = logging.getLogger(__name__)


def in_pairs(model: ov.Model) -> ov.Model:
    """The network with its layers at full size in pairs; the same network if that does not suit it.

    Args:
        model: takes one frame ``[1, C, H, W]`` of known size.
    """
    changed = model.clone()
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(changed)
    try:
        found = _Rewriter(changed).run()
    except Unsuitable:
        return model
    except Exception as fault:  # whatever a foreign network holds, it runs as it is
        logger.info("the network runs without pairs of pixels: %r", fault)
        return model
    if not found:
        return model
    changed.validate_nodes_and_infer_types()
    return changed


def transposes(network: ov.CompiledModel) -> bool:
    """Whether OpenVINO has left a transposition in the network. Then pairs cost more than they save."""
    nodes = network.get_runtime_model().get_ops()
    return any(node.get_rt_info()["layerType"].astype(str) == "Transpose" for node in nodes)


class _Rewriter:
    def __init__(self, model: ov.Model) -> None:
        (frame,) = model.inputs
        *_, self._height, self._width = frame.get_shape()
        if self._height % 2 or self._width % 2 or self._width < NARROWEST:
            raise Unsuitable("an odd side, or a narrow frame")
        self._nodes = model.get_ordered_ops()
        self._maps: dict[tuple[str, int], Map | Parts] = {}

    def run(self) -> bool:
        """Rewrite the network; whether there was something to rewrite."""
        for node in self._nodes:
            inputs = [self._maps.get(_key(port), port) for port in node.input_values()]
            if any(isinstance(value, Map | tuple) for value in inputs) or self._begins(node):
                self._replace(node, inputs)
        return bool(self._maps)

    def _begins(self, node: ov.Node) -> bool:
        if node.get_type_name() not in BEGINNINGS or node.get_output_element_type(0) != ov.Type.f32:
            return False
        return list(node.get_output_shape(0))[2:] == [self._height, self._width]

    def _replace(self, node: ov.Node, inputs: Sequence[Value]) -> None:
        rule = RULES.get(node.get_type_name())
        if rule is None:
            raise Unsuitable(node.get_type_name())
        value = rule(node, inputs)
        if isinstance(value, Map | tuple):
            self._maps[node.get_name(), 0] = value
        elif node.get_type_name() == "Result":
            node.input(0).replace_source_output(value)
        else:
            node.output(0).replace(value)


def _key(port: ov.Output) -> tuple[str, int]:
    return port.get_node().get_name(), port.get_index()
