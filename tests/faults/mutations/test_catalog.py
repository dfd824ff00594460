"""The faults of `make mutations` can still be put into the code, and name tests that are there."""

import ast
from pathlib import Path

import pytest

from tests.faults.mutations.catalog import MUTATIONS, Mutation

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_code_that_a_mutation_changes_is_there_once(mutation: Mutation) -> None:
    assert (ROOT / mutation.path).read_text().count(mutation.old) == 1, (
        "The code has changed: change the mutation in tests/faults/mutations/catalog.py with it."
    )


@pytest.mark.parametrize("test", sorted({test for mutation in MUTATIONS for test in mutation.tests}))
def test_the_tests_that_must_find_a_mutation_are_there(test: str) -> None:
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text()

    if name:
        names = {
            node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in names
