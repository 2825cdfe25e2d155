"""Reports of insight: one at a time, shared by who asks at once, and for some seconds afterwards."""

import asyncio
import json
import threading
from collections import Counter

import pytest

from cluster.errors import UsageError
from cluster.insight.document import InsightDocument, make_document
from health.insight.insight_reports import MOST_WAITING, InsightReports, ReportRequest
from health.problem_details import ProblemDetails
from tests.unit.cluster.insight.report_samples import report

HOUR = ReportRequest("1h", "")


class _Maker:
    """Counts what it is asked to make, and how many of it at once; makes nothing before it may."""

    def __init__(self) -> None:
        self.made: Counter[ReportRequest] = Counter()
        self.at_once = self.most = 0
        self.may = threading.Event()
        self.error: Exception | None = None

    def __call__(self, request: ReportRequest) -> InsightDocument:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        assert self.may.wait(10)
        self.made[request] += 1
        self.at_once -= 1
        if self.error is not None:
            raise self.error
        return make_document(report())


def test_who_asks_at_once_shares_one_and_others_wait_their_time() -> None:
    maker = _Maker()

    async def walk() -> list[bytes]:
        reports = InsightReports(maker)
        asked = [HOUR] * 5 + [ReportRequest("1d", "shop")] * 3
        bodies = [asyncio.create_task(reports.body(each)) for each in asked]
        await asyncio.sleep(0)
        maker.may.set()
        return await asyncio.gather(*bodies)

    bodies = asyncio.run(walk())
    assert json.loads(bodies[0])["findings"][0]["kind"] == "blocking"
    assert maker.made == {HOUR: 1, ReportRequest("1d", "shop"): 1}
    assert maker.most == 1


@pytest.mark.parametrize(("fresh", "made"), [(60.0, 1), (0.0, 2)])
def test_for_some_seconds_it_is_handed_out_again(fresh: float, made: int) -> None:
    maker = _Maker()
    maker.may.set()

    async def walk() -> None:
        reports = InsightReports(maker, fresh=fresh)
        assert await reports.body(HOUR) == await reports.body(HOUR)

    asyncio.run(walk())
    assert maker.made[HOUR] == made


def test_who_goes_away_ends_it_for_nobody_else() -> None:
    maker = _Maker()

    async def walk() -> bytes:
        reports = InsightReports(maker)
        impatient, patient = (asyncio.create_task(reports.body(HOUR)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        maker.may.set()
        return await patient

    assert b"headline" in asyncio.run(walk())


def test_no_more_wait_than_can_be_served() -> None:
    maker = _Maker()

    async def walk() -> None:
        reports = InsightReports(maker)
        waiting = [asyncio.create_task(reports.body(ReportRequest(f"{n}d", ""))) for n in range(MOST_WAITING)]
        await asyncio.sleep(0)
        try:
            with pytest.raises(ProblemDetails, match="being made already"):
                await reports.body(HOUR)
        finally:
            maker.may.set()
        await asyncio.gather(*waiting)

    asyncio.run(walk())


def test_an_error_is_of_who_asked_and_is_not_kept() -> None:
    maker = _Maker()
    maker.may.set()
    maker.error = UsageError("no moment")

    async def walk() -> bytes:
        reports = InsightReports(maker)
        with pytest.raises(UsageError):
            await reports.body(HOUR)
        maker.error = None
        return await reports.body(HOUR)

    assert b"headline" in asyncio.run(walk())
