"""The page of insight and its report: never without the secret, and nothing in them is anything but text."""

import asyncio
import re
from collections.abc import Mapping

import httpx
import pytest

from cluster.errors import UsageError
from cluster.insight.document import InsightDocument, make_document
from health.app import HealthService
from health.auth import Authentication
from health.insight.insight_reports import InsightReports, ReportRequest
from health.page import ASSETS
from tests.unit.cluster.insight.report_samples import report
from tests.unit.health.status_samples import polled

SECRET = {"Authorization": "Bearer correct horse"}


def _made(request: ReportRequest) -> InsightDocument:
    if request.since == "soon":
        raise UsageError("'soon' is no moment in the past", "use a length")
    return make_document(report(), [f"of {request.database}"])


def _get(path: str, headers: Mapping[str, str] = SECRET) -> httpx.Response:
    async def ask() -> httpx.Response:
        service = HealthService(
            polled(), Authentication(b"correct horse", everywhere=False), reports=InsightReports(_made)
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://health") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/insight", "/insight/report"])
def test_without_the_secret_nobody_reads_it(path: str) -> None:
    assert _get(path, {}).status_code == 401


def test_the_page_loads_only_its_own_files() -> None:
    answer = _get("/insight")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="page/([^"]+)"', answer.text)
    assert set(loaded) <= set(ASSETS)
    assert "<option>appdb</option>" in answer.text
    assert not re.search(r"<script(?! type=\"module\" src=)|style=|\son\w+=", answer.text)


def test_the_report_is_the_document() -> None:
    answer = _get("/insight/report?since=2h&database=shop")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found = answer.json()
    assert found["notes"] == ["of shop"]
    assert found["statements"][0]["rows"][0]["id"] == "-7"
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "query", ["since=soon", "since=1h&since=2h", "until=1", "database=" + "x" * 64, "since=" + "1" * 201]
)
def test_what_means_nothing_is_refused_in_a_line(query: str) -> None:
    answer = _get(f"/insight/report?{query}")
    assert answer.status_code == 400
    assert "\n" not in answer.json()["detail"]
