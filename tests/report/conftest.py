"""A page to test."""

import pytest
from page_samples import project


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a recorded real one beside it: (run folder, notebooks, page)."""
    with project(tmp_path_factory.mktemp("project")) as built:
        yield built
