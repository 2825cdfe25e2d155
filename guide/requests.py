"""What an operation asks of a guide: hold the pools, let them go, say how it is. Run in the guide's container."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cluster.errors import MachineError, RefusedError, TimedOutError
from cluster.guide_status import GuideStatus, read_guide_status
from cluster.waiting import attempts
from guide.console import PoolerConsole, pause_one
from guide.follower import GuideFiles
from guide.hold import read_hold, remove_hold, write_hold


def hold(files: GuideFiles, seconds: float, patience: float) -> None:
    """Hold the pools of the primary back, for at most ``seconds``; returns when no transaction runs in any.

    Raises:
        RefusedError: one did not end within ``patience`` seconds; nothing is held back then.
        MachineError: PgBouncer does not answer.
    """
    config = files.read_config()
    access = replace(files.console(), connect_timeout=2, patience=patience)
    write_hold(files.volume, time.time(), seconds)
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(config.pools))) as threads:
        pausing = {pool: threads.submit(pause_one, access, pool) for pool in config.pools}
    for pool, each in pausing.items():
        try:
            each.result()
        except MachineError as error:
            failed[pool] = error.message
    if failed:
        remove_hold(files.volume)
        pool, reason = next(iter(failed.items()))
        PoolerConsole(files.console()).resume(config.pools)
        raise RefusedError(f"the pool {pool} does not come to rest: {reason}", "let its transactions end; try again")


def release(files: GuideFiles, patience: float) -> GuideStatus:
    """Hold them no longer; returns when clients go on, where the primary is.

    Raises:
        TimedOutError: they do not within ``patience`` seconds; the guide goes on trying.
    """
    remove_hold(files.volume)
    for _ in attempts(patience, pause=0.05):
        status = read_guide_status(files.volume)
        if status is not None and status.held_until is None and status.well and status.follows(time.time()):
            return status
    reason = f"clients do not go on within {patience:g} s: {_reason(files)}"
    raise TimedOutError(reason, "see its log: docker compose logs guide")


def forget(files: GuideFiles) -> None:
    """Hold them no longer, and wait for nothing: where no node leads it holds clients back by itself."""
    remove_hold(files.volume)


def status_now(files: GuideFiles) -> GuideStatus:
    """What the guide sees and did last.

    Raises:
        MachineError: it has not begun, or no longer follows.
    """
    status = read_guide_status(files.volume)
    if status is None or not status.follows(time.time()):
        raise MachineError("the guide does not follow: its status is missing or old", "see its log")
    order = read_hold(files.volume, time.time())
    return replace(status, held_until=order.until if order else None)


def _reason(files: GuideFiles) -> str:
    status = read_guide_status(files.volume)
    return "the guide says nothing" if status is None else status.reason or f"pools lead to {status.leads or 'nobody'}"
