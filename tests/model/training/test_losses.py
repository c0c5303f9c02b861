"""DpT-k against the authors' values."""

import numpy as np
import pytest
import torch

from model.training.losses import dice_loss, distillation_loss, dptk_loss, poly_topk_loss
from tests import golden


@pytest.mark.parametrize("case", range(4))
def test_it_reproduces_the_authors_loss_and_gradient(case: int) -> None:
    arrays = golden.load("dptk_loss")
    logits = torch.from_numpy(arrays["logits"][case]).requires_grad_()
    loss = dptk_loss(logits, torch.from_numpy(arrays["targets"][case]))
    loss.backward()
    assert loss.item() == pytest.approx(arrays["loss"][case], rel=1e-6)
    gradient, expected = logits.grad, arrays["grad"][case]
    assert gradient is not None
    assert np.abs(gradient.numpy() - expected).max() <= 1e-4 * np.abs(expected).max()
    seen = np.abs(expected) > 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(gradient.numpy()[seen], expected[seen], rtol=1e-4)


def test_a_perfect_answer_costs_nothing() -> None:
    targets = (torch.rand(2, 1, 16, 16) > 0.9).float()
    assert dptk_loss(200 * (targets - 0.5), targets).item() == pytest.approx(0, abs=1e-5)


def test_logits_far_out_give_finite_gradients() -> None:
    logits = torch.tensor([[-500.0, 500.0, 0.0, 30.0]], requires_grad=True)
    dptk_loss(logits, torch.tensor([[1.0, 0.0, 1.0, 0.0]]), k=100).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_fewer_pixels_than_one_in_k_still_count() -> None:
    assert dptk_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).item() > 0.5


def test_dice_of_each_crop_weighs_a_missed_small_target_as_much_as_a_missed_large_one() -> None:
    targets = torch.zeros(2, 1, 16, 16)
    targets[0, 0, :10, :10], targets[1, 0, :2, :2] = 1, 1
    logits = 100 * (targets - 0.5)
    logits[1] = -50  # the small one is missed
    together, each = dice_loss(logits, targets), dice_loss(logits, targets, per_crop=True)
    assert together.item() == pytest.approx(1 - 201 / 205)
    assert each.item() == pytest.approx((0 + 1 - 1 / 5) / 2)
    changed = dptk_loss(logits, targets, dice_per_crop=True) - dptk_loss(logits, targets)
    assert changed.item() == pytest.approx((each - together).item(), abs=1e-5)


def test_dice_of_one_crop_is_the_same_either_way() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(1, 1, 8, 8), (torch.rand(1, 1, 8, 8) > 0.8).float()
    assert dptk_loss(logits, targets, dice_per_crop=True).item() == pytest.approx(dptk_loss(logits, targets).item())


def test_the_hardest_pixels_are_a_share_or_a_number_for_each_crop() -> None:
    logits = torch.full((2, 1, 10, 10), -20.0)
    logits[0, 0, 0, :4] = 0.0  # four pixels of one crop are uncertain, the others right
    targets = torch.zeros(2, 1, 10, 10)
    uncertain = np.log(2) + 3.1 * 0.5
    assert poly_topk_loss(logits, targets, k=2).item() == pytest.approx(uncertain)
    assert poly_topk_loss(logits, targets, k=10).item() == pytest.approx(uncertain * 4 / 20, rel=1e-4)
    assert poly_topk_loss(logits, targets, pixels_per_crop=2).item() == pytest.approx(uncertain)
    assert poly_topk_loss(logits, targets, pixels_per_crop=4).item() == pytest.approx(uncertain / 2, rel=1e-4)


def test_all_pixels_without_the_poly_term_are_plain_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(2, 1, 8, 8), (torch.rand(2, 1, 8, 8) > 0.8).float()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    assert dptk_loss(logits, targets, k=100, epsilon=0).item() == pytest.approx(
        (dice_loss(logits, targets) + plain).item()
    )


def test_a_student_that_agrees_with_its_teacher_costs_nothing() -> None:
    torch.manual_seed(0)
    teacher = 10 * torch.randn(2, 1, 8, 8)
    assert distillation_loss(teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    student = teacher.clone()
    student[0, 0, 0, 0], teacher[0, 0, 0, 0] = 2.0, -1.0  # one pixel of 128 differs
    p, q = torch.sigmoid(torch.tensor([-1.0, 2.0])).tolist()
    divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert distillation_loss(student, teacher, pixels_per_crop=1).item() == pytest.approx(divergence / 2, rel=1e-4)


def test_a_teacher_that_is_certain_gives_finite_gradients() -> None:
    logits = torch.tensor([[-500.0, 500.0, 0.0, 30.0]], requires_grad=True)
    distillation_loss(logits, torch.tensor([[900.0, -900.0, 0.0, -30.0]]), k=100).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
