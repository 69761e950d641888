"""An imported model is judged like a trained one: the import names the command, the command records for which requests
reading pays, and the gate tells it."""

from pathlib import Path

from clients.command_line.shared.console import ExitCode
from tests.clients.command_line.program import Outcome, crossrank
from tests.clients.command_line.shop import Shop, make_shop
from tests.training.importing.checkpoints import save_checkpoint

SEED = 12


def reading_of(gate: Outcome) -> tuple[str, str]:
    """Outcome and words of the check."""
    [check] = [one for one in gate.document["checks"] if one["name"] == "reading judged"]
    return check["outcome"], check["detail"]


def imported(shop: Shop, repository: Path, name: str) -> Outcome:
    checkpoint = save_checkpoint(shop.folder / "checkpoint" / name, "bert")
    budgets = ("--context-tokens", 48, "--item-tokens", 40)
    where = ("--model-repository", repository, "--name", name)
    done = crossrank("import", "--model", checkpoint, "--fields", "brand,category,label", *budgets, *where)
    assert done.exit_code == ExitCode.OK, done.notes
    return done


def test_the_import_names_the_command_that_judges_it_and_the_gate_tells_what_was_found(tmp_path: Path) -> None:
    shop, repository = make_shop(tmp_path / "shop", seed=SEED), tmp_path / "repository"
    notes = " ".join(imported(shop, repository, "cross_encoder").notes.split())
    assert "for which requests reading pays is not judged" in notes
    assert f"crossrank eval --model-repository {repository} --items ITEMS --interactions INTERACTIONS --record" in notes
    version = repository / "cross_encoder" / "1"
    before = crossrank("gate", version, "--model-repository", repository, "--json")
    assert (before.exit_code, reading_of(before)[0]) == (ExitCode.UNHEALTHY, "skipped")
    tables = ("--items", shop.items, "--interactions", shop.interactions, "--config", shop.config)
    state = ("--state-dir", tmp_path / "state")
    told = crossrank("eval", "--model-repository", repository, *tables, *state, "--depth", 30, "--record", "--json")
    assert told.exit_code == ExitCode.OK, f"seed {SEED}: {told.notes[-4000:]}"
    pays = [one["kind"] for one in told.document["reading"] if one["difference"] > 0 and one["p"] < 0.05]
    after = crossrank("gate", version, "--model-repository", repository, "--json")
    assert reading_of(after) == ("passed", f"reading pays for {', '.join(sorted(pays)) or 'no kind of request'}")


def test_a_model_of_another_name_is_told_why_it_cannot_be_judged(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", seed=SEED)
    notes = imported(shop, tmp_path / "repository", "mine").notes
    assert "judges models that are called cross_encoder, not mine" in " ".join(notes.split())
