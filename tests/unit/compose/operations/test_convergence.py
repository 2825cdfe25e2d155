import pytest

from cluster.postgres.data_directory import DataDirectory
from cluster.postgres.lsn import Lsn
from compose.operations.convergence.replica_data import unfit_reason
from compose.operations.preflight import DataState

STANDBY = DataDirectory("18", "1", "shut down in recovery", Lsn(1), 1, standby=True)
PRIMARY = DataDirectory("18", "1", "shut down", Lsn(1), 1, standby=False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, ""),
        (STANDBY, None),
        (PRIMARY, "its data would start as a second primary"),
        (ValueError("PG_VERSION is missing"), "its data is not whole: PG_VERSION is missing"),
    ],
)
def test_a_replica_is_cloned_unless_its_data_is_a_standbys(data: DataState, reason: str | None) -> None:
    assert unfit_reason(data) == reason
