"""Prometheus can scrape the endpoint while it runs, and only then."""

from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway.domain.address import CannotListen
from gateway.telemetry.endpoint import metrics_endpoint
from gateway.telemetry.metrics import Metrics


def test_the_endpoint_shows_the_registry_and_ends_with_its_block() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.lists.inc()
    with metrics_endpoint("127.0.0.1:0", metrics.registry) as address:
        url = f"http://{address}/metrics"
        with urlopen(url, timeout=20) as response:
            assert b"crossrank_lists_total 1.0" in response.read()
    with pytest.raises(URLError):
        urlopen(url, timeout=20)


def test_a_taken_port_is_logged_with_address_and_remedy_and_costs_the_metrics_only() -> None:
    registry = CollectorRegistry()
    with (
        capture_logs() as logs,
        metrics_endpoint("127.0.0.1:0", registry) as address,
        metrics_endpoint(str(address), registry) as none,
    ):
        assert none is None
    [line] = logs
    assert (line["event"], line["address"]) == ("metrics_not_served", str(address))
    assert "in use" in line["why"]
    assert "CROSSRANK_METRICS_LISTEN" in line["remedy"]


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(CannotListen), metrics_endpoint("nowhere", CollectorRegistry()):
        pass


def test_no_address_means_no_endpoint() -> None:
    with metrics_endpoint("", CollectorRegistry()) as address:
        assert address is None
