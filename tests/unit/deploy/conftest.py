"""What `kubectl apply -k` would send, rendered once."""

import pytest
from k8s import FOLDER, render, roots


@pytest.fixture(scope="session", params=[str(path.relative_to(FOLDER)) for path in roots()])
def objects(request):
    return render(FOLDER / request.param)


@pytest.fixture(scope="session")
def base():
    return render(FOLDER / "base")
