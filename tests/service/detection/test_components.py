"""Components are those of ``scipy.ndimage.label``, whether its compiled part is found or not."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from service.detection import components
from service.detection.components import EIGHT_CONNECTED, find_label, label_components


@given(arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_components_are_those_of_scipy(mask: np.ndarray) -> None:
    for view in (mask, mask.T, mask[::-1, ::2]):
        labels, number = label_components(view)
        expected, expected_number = ndimage.label(view, EIGHT_CONNECTED)
        np.testing.assert_array_equal(labels, expected)
        assert number == expected_number


def test_the_compiled_function_is_found_in_this_scipy() -> None:
    program = "import sys; import service.detection.targets; print('scipy.ndimage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n", "a new SciPy? Then each server is 17 MB larger, but answers are the same"


def test_without_the_compiled_function_the_public_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "MODULE", "_of_another_scipy")
    labels, number = find_label()(np.array([[True, False, True]]))
    assert labels.tolist() == [[1, 0, 2]]
    assert number == 2
