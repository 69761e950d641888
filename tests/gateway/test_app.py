"""What the settings make of the server."""

import pytest

from gateway.app import server_settings
from gateway.settings import read_settings


@pytest.mark.parametrize(("processes", "shares"), [("1", False), ("2", True)])
def test_only_one_of_several_gateways_shares_its_port(processes: str, shares: bool) -> None:
    assert server_settings(read_settings({"CROSSRANK_PROCESSES": processes})).shares_port is shares
