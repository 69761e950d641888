"""Serves the lists of one phase of the protocol from a stack of its own: a fresh PostgreSQL that knows no more than may
be known then, and a Triton on a model repository. Must not know metrics."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clients.command_line.catalog.ranker_fit import fit_ranker
from clients.command_line.catalog.table_index import index_tables, open_parts
from clients.command_line.catalog.table_rows import to_interactions, to_items
from clients.command_line.shared import console
from deploy.local.parts.ports import free_port, free_ports
from deploy.local.parts.postgres import Postgres
from deploy.local.parts.triton import Triton
from deploy.local.process.part import RunningPart
from gateway.app import open_database
from gateway.domain.order import Reading
from gateway.models import open_models
from gateway.settings import Settings
from gateway.telemetry.logs import configure_logging
from training.lists.served import ListServer, ServedList
from training.protocol.dataset import Dataset, Phase, UserCase


@dataclass(frozen=True, slots=True)
class HeldOutListServer:
    """``folder`` holds the stack's data and logs while it runs. ``fit``: a ranker is fitted to what the phase may know,
    as crossrank index does, and orders the lists; else the version's own fused score does. ``reading``: whether the
    cross-encoder reads them."""

    folder: Path
    depth: int
    quiet: bool
    fit: bool = False
    reading: Reading = Reading.ALWAYS

    def serve(self, repository: Path, dataset: Dataset, phase: Phase, cases: Sequence[UserCase]) -> list[ServedList]:
        """As training.release.held_out_lists.Stack says. Raises TrainingError, LocalStackError or CrossrankError."""
        configure_logging("error")  # standard output is the result's alone
        console.say(f"serving the {phase.name.lower()} lists of {len(cases)} users, {self.depth} candidates")
        folder, repository = self.folder.resolve(), repository.resolve()  # a part has a working folder of its own
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        grpc_port, metrics_port = free_ports(2)
        postgres = Postgres(folder, free_port(), durable=False)
        triton = Triton(folder, grpc_port, metrics_port, model_repository=repository)
        with (
            RunningPart(postgres, state_directory=folder) as database,
            RunningPart(triton, state_directory=folder) as models,
        ):
            settings = Settings(
                postgres_url=database.part.url,
                triton_urls=models.part.url,
                model_repository=str(repository),
            )
            return asyncio.run(self._serve(settings, dataset, phase, cases))

    async def _serve(
        self, settings: Settings, dataset: Dataset, phase: Phase, cases: Sequence[UserCase]
    ) -> list[ServedList]:
        progress = partial(console.progress_bar, quiet=self.quiet)
        items = to_items(dataset.items, ())
        async with open_parts(settings) as parts:
            await index_tables(items, to_interactions(dataset.interactions(phase)), parts, progress)
            if self.fit:
                await fit_ranker(parts.database, progress)
        async with open_database(settings) as database, open_models(settings) as models:
            server = ListServer(settings, database, models, self.depth, self.reading)
            with progress(f"serving {phase.name.lower()} lists", len(cases)) as advance:
                return await server.serve_all(cases, advance)
