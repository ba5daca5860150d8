"""The cost model compares what solvers do on data of any shape."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

from sklogloss.solvers.costs import Costs, costs_of, unit_counts

STEPS = [field.name for field in fields(Costs)]
# n_features, stored entries of a row, is_sparse
KINDS = {"dense": (200, 200, False), "sparse": (20_000, 50, True)}


def costs(kind, n_samples=100_000, n_columns=1, dtype="float64", **options):
    n_features, per_row, is_sparse = KINDS[kind]
    return costs_of(
        shape(n_samples, n_features, per_row * n_samples, is_sparse), n_columns, dtype, **options
    )


def shape(n_samples, n_features, n_stored, is_sparse=False):
    return SimpleNamespace(
        n_samples=n_samples, n_features=n_features, n_stored=n_stored, is_sparse=is_sparse
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_columns", [1, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_passes_cost_more_for_more_rows_and_factors_do_not(kind, n_columns, dtype):
    many, few = (costs(kind, n, n_columns, dtype) for n in (100_000, 1_000))
    for step in STEPS:
        of_few, of_many = getattr(few, step), getattr(many, step)
        assert 0 < of_few <= of_many < np.inf
        assert (of_few < of_many) == (step.endswith(("pass", "hessian")))


@pytest.mark.parametrize("kind", KINDS)
def test_hessian_of_several_classes_has_a_block_for_each_pair(kind):
    # The mean over the classes makes a pass of its own for one block.
    ten_classes = costs(kind, n_columns=10)
    assert 54 < ten_classes.hessian / ten_classes.class_mean_hessian <= 55


def test_loss_costs_the_same_for_any_number_of_features():
    few, many = (costs_of(shape(1_000, p, 1_000 * p), 1, "float64") for p in (2, 200))
    of_loss = few.gradient_pass - few.product_pass
    assert of_loss > 0
    assert many.gradient_pass - many.product_pass == pytest.approx(of_loss)


def test_float32_costs_less():
    float64, float32 = costs("dense"), costs("dense", dtype="float32")
    assert float32.gradient_pass < float64.gradient_pass
    mixed = costs("dense", float32_hessian=True)
    assert mixed.hessian == float32.hessian < float64.hessian
    assert mixed.gradient_pass == float64.gradient_pass


def test_float32_is_no_choice_for_the_products_of_sparse_data():
    assert costs("sparse", float32_hessian=True) == costs("sparse")


@pytest.mark.parametrize(("kind", "is_sparse"), [("dense", False), ("sparse", True)])
def test_multiplications_are_those_of_a_lower_triangle(kind, is_sparse):
    # Two rows of three entries: 3 * 4 / 2 products each.
    block = unit_counts(2, 3, 1, 6, is_sparse)["hessian_block"]
    assert block[f"{kind}_multiplication"] == 12


def test_factors_and_solutions_of_several_classes_are_those_of_all_parameters():
    one, ten = costs("dense"), costs("dense", n_columns=10)
    n_parameters = 10 * (KINDS["dense"][0] + 1)
    of_all = costs_of(shape(1, n_parameters - 1, n_parameters), 1, "float64")
    assert (ten.factor, ten.solve) == (of_all.factor, of_all.solve)
    assert ten.class_mean_factor == one.factor == one.class_mean_factor
    assert ten.class_mean_solve == pytest.approx(10 * one.solve)


def test_a_newton_step_costs_more_than_a_pass_over_a_few_rows():
    few = costs("dense", n_samples=10)
    assert few.newton_step > few.gradient_pass
