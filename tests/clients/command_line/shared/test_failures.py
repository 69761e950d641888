"""One table says what a person reads after an error, and what a shell sees."""

import grpc
import pytest

from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.failures import REMEDIES, failure_of, message_of, remedy
from clients.command_line.shared.packages import OURS
from crossrank_client import CrossrankNotFound, CrossrankOverloaded, CrossrankRequestInvalid, CrossrankUnavailable
from crossrank_client.errors import CrossrankDenied, Failure
from crossrank_client.errors import Violation as CallViolation
from deploy.local.errors import LocalStackError, StartFailed
from gateway.domain.errors import InvalidRequest, StoreUnavailable, Violation
from training.errors import ConfigInvalid, NoAccelerator
from training.release.errors import NotServed, PromotionRefused


@pytest.mark.parametrize(
    ("fault", "message", "advised", "exit_code"),
    [
        (StartFailed("no port", remedy="crossrank down"), "no port", "crossrank down", 1),
        (LocalStackError("no disk"), "no disk", "", 1),
        (ConfigInvalid("no such key", "leave it out"), "no such key", "leave it out", 1),
        (PromotionRefused("it was refused", "train on"), "it was refused", "train on", 1),
        (NotServed("it was not proved", "read the logs"), "it was not proved", "read the logs", 3),
        (NoAccelerator("no GPU", "--device cpu"), "no GPU", "--device cpu", 3),
        (StoreUnavailable("no database"), "no database", "crossrank doctor, then crossrank eval again", 1),
        (
            CrossrankDenied(Failure(grpc.StatusCode.PERMISSION_DENIED, "no", request_id="7")),
            "PERMISSION_DENIED: no [request 7]",
            "show a credential of a caller that may: --token-file, or --tls-cert with --tls-key",
            1,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_told_as_its_nearest_class_says(
    fault: Exception, message: str, advised: str, exit_code: int
) -> None:
    told = failure_of(fault, "crossrank eval")
    assert told is not None
    assert (told.message, told.remedy, told.exit_code) == (message, advised, exit_code)


def test_a_call_that_was_refused_for_load_is_told_when_to_try_again() -> None:
    assert told_remedy(CrossrankOverloaded(Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "no", retry_after_s=2.5))) == (
        "again in 2.5 s"
    )
    assert told_remedy(CrossrankOverloaded(Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "no"))) == "again in 1 s"


def test_an_unknown_name_leads_to_the_lists_of_known_ones() -> None:
    assert "crossrank info lists" in told_remedy(CrossrankNotFound(Failure(grpc.StatusCode.NOT_FOUND, "no")))


@pytest.mark.parametrize(
    "fault",
    [
        InvalidRequest(Violation("a", "too long"), Violation("b", "not a number")),
        CrossrankRequestInvalid(
            Failure(
                grpc.StatusCode.INVALID_ARGUMENT,
                "no",
                violations=(CallViolation("a", "too long"), CallViolation("b", "not a number")),
            )
        ),
    ],
    ids=["gateway", "client"],
)
def test_all_faults_of_a_request_are_told_one_a_line(fault: Exception) -> None:
    assert message_of(fault) == "a: too long\nb: not a number"


def test_a_failure_that_a_command_told_itself_is_left_as_it_is() -> None:
    failure = CommandFailed("no users", remedy="crossrank index", exit_code=ExitCode.UNHEALTHY)
    assert failure_of(failure, "crossrank eval") is failure


@pytest.mark.parametrize("fault", [ZeroDivisionError(), ValueError("no"), FileNotFoundError("no"), KeyError("no")])
def test_what_nobody_foresaw_is_not_told(fault: Exception) -> None:
    assert failure_of(fault, "crossrank eval") is None


def test_a_missing_package_is_named_and_a_missing_module_of_ours_is_a_bug() -> None:
    told = failure_of(ModuleNotFoundError("no", name="torch.nn"), "crossrank train")
    assert told is not None
    assert (told.message, told.remedy) == ("a package is missing: torch.nn", REMEDIES[ModuleNotFoundError])
    for package in OURS:
        assert failure_of(ModuleNotFoundError("no", name=f"{package}.nothing"), "crossrank train") is None


def test_a_block_can_advise_something_of_its_own_after_errors_that_it_names() -> None:
    fault = StoreUnavailable("no database")
    with pytest.raises(CommandFailed) as failed, remedy("look", StoreUnavailable, CrossrankUnavailable, what="no: "):
        raise fault
    assert (failed.value.message, failed.value.remedy) == ("no: no database", "look")
    assert failed.value.__cause__ is fault


def test_other_errors_leave_such_a_block_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), remedy("look", StoreUnavailable):
        raise ZeroDivisionError


def told_remedy(fault: Exception) -> str:
    """What is advised after an error."""
    told = failure_of(fault, "crossrank recommend")
    assert told is not None
    return told.remedy
