import pytest

from compose.operations.replicas.clone import CloneProgress


@pytest.mark.parametrize(
    ("phase", "done", "total", "seconds", "text"),
    [
        ("waiting for checkpoint", None, None, 3.0, "waiting for checkpoint"),
        ("estimating", 0, 1 << 30, 3.0, "estimating"),
        ("streaming", 1 << 30, None, 3.0, "streaming"),
        ("streaming", 1 << 30, 1 << 30, 0.0, "streaming"),
        ("streaming", 1 << 30, 4 << 30, 10.0, "25 % (1.0 GB of 4.0 GB), 102.4 MB/s, 30 s left"),
        ("streaming", 4 << 30, 4 << 30, 40.0, "100 % (4.0 GB of 4.0 GB), 102.4 MB/s, 0.0 s left"),
        # the total is an estimate
        ("streaming", 5 << 30, 4 << 30, 50.0, "100 % (5.0 GB of 5.0 GB), 102.4 MB/s, 0.0 s left"),
    ],
)
def test_progress_is_told_as_share_rate_and_time_left(
    phase: str, done: int | None, total: int | None, seconds: float, text: str
) -> None:
    assert CloneProgress(phase=phase, done=done, total=total).text(seconds) == text
