"""Progress of a transfer in words."""

from cluster.progress import TransferProgress, transfer_text


def test_progress_is_share_rate_and_time_left() -> None:
    assert transfer_text(1 << 30, 4 << 30, 10.0) == "25 % (1.0 GB of 4.0 GB), 102.4 MB/s, 30 s left"
    assert transfer_text(5 << 30, 4 << 30, 50.0).startswith("100 % (5.0 GB of 5.0 GB)")
    assert transfer_text(1 << 20, 0, 1.0) == "1.0 MB"


def test_a_line_is_shown_at_the_beginning_and_then_about_once_a_second() -> None:
    shown: list[str] = []
    progress = TransferProgress("primary", 0, shown.append)
    for _ in range(1000):
        progress.add(1024)
    assert shown == ["primary: 1 kB"]
    assert progress.done == 1000 * 1024
