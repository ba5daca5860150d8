import pytest

pytest.importorskip("dask")
pytest.importorskip("distributed")


# Not of the session: idle workers and their profilers take a tenth of a core.
@pytest.fixture(scope="module")
def cluster():
    """Return a client of two processes of one thread."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        Client(local, set_as_default=False) as client,
    ):
        yield client
