"""What a ranking request asks: context, candidates and options, decoded and checked."""

from collections.abc import Collection

from crossrank.v1 import ranking_pb2
from gateway.domain.checks import Checks, shown
from gateway.domain.order import Reading
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    Context,
    DiversityCap,
    HistoryEvent,
    Item,
    Priority,
    RankingOptions,
)
from gateway.ranker.features import RANK_OFFSET
from gateway.rpc.codec.items import decode_fields, decode_filters, decode_values, fields_are_fine, plain_fields

_PRIORITIES = {
    ranking_pb2.PRIORITY_UNSPECIFIED: Priority.INTERACTIVE,
    ranking_pb2.PRIORITY_INTERACTIVE: Priority.INTERACTIVE,
    ranking_pb2.PRIORITY_BATCH: Priority.BATCH,
}
_REJECT_LONG_ITEMS = {
    ranking_pb2.TRUNCATION_POLICY_UNSPECIFIED: False,
    ranking_pb2.TRUNCATION_POLICY_CUT: False,
    ranking_pb2.TRUNCATION_POLICY_REJECT: True,
}
_READING = {
    ranking_pb2.READING_UNSPECIFIED: Reading.AUTO,
    ranking_pb2.READING_ALWAYS: Reading.ALWAYS,
    ranking_pb2.READING_NEVER: Reading.NEVER,
}


def decode_context(checks: Checks, message: ranking_pb2.Context) -> Context:
    """Who or what to rank for."""
    rules, subject = checks.rules, message.WhichOneof("subject")
    if subject is None:
        checks.fault("context", "received no subject; exactly one of user_id, history, query, seed_item_id: set one")
    if subject in {"query", "seed_item_id"} and message.session_query:
        checks.fault(
            "context.session_query", f"received it beside {subject}; only with user_id or history: leave it out"
        )
    within = checks.count("context.features", len(message.features), rules.features)
    return Context(
        user_id=checks.text("context.user_id", message.user_id, rules.required_id) if subject == "user_id" else None,
        history=_decode_history(checks, message.history) if subject == "history" else None,
        query=checks.text("context.query", message.query, rules.query) if subject == "query" else None,
        seed_item_id=checks.text("context.seed_item_id", message.seed_item_id, rules.required_id)
        if subject == "seed_item_id"
        else None,
        session_query=checks.text("context.session_query", message.session_query, rules.session_query),
        surface=checks.text("context.surface", message.surface, rules.surface),
        locale=checks.text("context.locale", message.locale, rules.locale),
        features=decode_values(checks, "context.features", message.features) if within else {},
    )


def _decode_history(checks: Checks, history: ranking_pb2.History) -> tuple[HistoryEvent, ...]:
    path = "context.history.events"
    if not checks.count(path, len(history.events), checks.rules.history_events):
        return ()
    return tuple(
        HistoryEvent(
            item_id=checks.text(f"{path}[{place}].item_id", event.item_id, checks.rules.required_id),
            fields=decode_fields(checks, f"{path}[{place}].fields", event.fields) or None,
        )
        for place, event in enumerate(history.events)
    )


def decode_seed(checks: Checks, item_id: str) -> Context:
    """The context of SimilarItems."""
    return Context(seed_item_id=checks.text("item_id", item_id, checks.rules.required_id))


def decode_candidates(checks: Checks, messages: Collection[ranking_pb2.Candidate]) -> tuple[Candidate, ...]:
    """The caller's candidates, in the caller's order."""
    if not checks.count("candidates", len(messages), checks.rules.candidates):
        return ()
    item_ids = [message.item_id for message in messages]
    checks.unique("candidates", ".item_id", item_ids)
    fields = [plain_fields(message.fields) for message in messages]
    if not (checks.fine(item_ids, checks.rules.required_id) and fields_are_fine(checks, fields)):
        for place, message in enumerate(messages):
            checks.text(f"candidates[{place}].item_id", message.item_id, checks.rules.required_id)
            decode_fields(checks, f"candidates[{place}].fields", message.fields)
    return tuple(
        Candidate(item_id, rank, _decode_score(checks, rank, message), item=Item(item_id, given) if given else None)
        for rank, (message, item_id, given) in enumerate(zip(messages, item_ids, fields, strict=True), start=1)
    )


def _decode_score(checks: Checks, rank: int, message: ranking_pb2.Candidate) -> float:
    if not message.HasField("first_stage_score"):
        return score_of_rank(rank)
    return checks.number(f"candidates[{rank - 1}].first_stage_score", message.first_stage_score, checks.rules.number)


def score_of_rank(rank: int) -> float:
    """Without a score of the caller's, the order speaks: a number in (0, 1) that falls with the rank (from 1)."""
    return RANK_OFFSET / (RANK_OFFSET + rank)


def decode_sources(
    checks: Checks, message: ranking_pb2.CandidateOptions, known_sources: Collection[str]
) -> CandidateOptions:
    """Where candidates come from."""
    path, rules = "candidates", checks.rules
    if checks.count(f"{path}.sources", len(message.sources), rules.sources):
        checks.unique(f"{path}.sources", "", list(message.sources))
        for place, source in enumerate(message.sources):
            if source not in known_sources:
                known = ", ".join(sorted(known_sources))
                checks.fault(f"{path}.sources[{place}]", f"received {shown(source)}; one of {known}: choose one")
    excluded = message.exclude_item_ids
    if checks.count(f"{path}.exclude_item_ids", len(excluded), rules.excluded):
        for place, item_id in enumerate(excluded):
            checks.text(f"{path}.exclude_item_ids[{place}]", item_id, rules.required_id)
    checks.number(f"{path}.limit", message.limit, rules.candidate_limit)
    return CandidateOptions(
        sources=tuple(message.sources),
        limit=message.limit,
        filters=decode_filters(checks, f"{path}.filters", message.filters),
        exclude=frozenset(excluded),
        include_seen=message.include_seen,
    )


def decode_options(checks: Checks, message: ranking_pb2.RankingOptions) -> RankingOptions:
    """Choices of a ranking call."""
    path, rules = "options", checks.rules
    min_score = None
    if message.HasField("min_score"):
        min_score = checks.number(f"{path}.min_score", message.min_score, rules.score)
    if message.priority not in _PRIORITIES:
        known = "PRIORITY_INTERACTIVE (1) or PRIORITY_BATCH (2)"
        checks.fault(f"{path}.priority", f"received {int(message.priority)}; {known}: choose one or leave it out")
    if message.truncation_policy not in _REJECT_LONG_ITEMS:
        known = "TRUNCATION_POLICY_CUT (1) or TRUNCATION_POLICY_REJECT (2)"
        received = int(message.truncation_policy)
        checks.fault(f"{path}.truncation_policy", f"received {received}; {known}: choose one or leave it out")
    if message.reading not in _READING:
        known = "READING_ALWAYS (1) or READING_NEVER (2)"
        checks.fault(f"{path}.reading", f"received {int(message.reading)}; {known}: choose one or leave it out")
    if message.require_rerank and message.reading == ranking_pb2.READING_NEVER:
        checks.fault(f"{path}.reading", "received READING_NEVER beside require_rerank; leave one of them out")
    if message.explain and message.reading == ranking_pb2.READING_NEVER:
        checks.fault(f"{path}.reading", "received READING_NEVER beside explain; leave one of them out")
    return RankingOptions(
        top_n=message.top_n,
        min_score=min_score,
        priority=_PRIORITIES.get(message.priority, Priority.INTERACTIVE),
        require_rerank=message.require_rerank,
        return_items=message.return_items,
        reject_long_items=_REJECT_LONG_ITEMS.get(message.truncation_policy, False),
        model=checks.text(f"{path}.model", message.model, rules.model),
        explain=message.explain,
        reading=_READING.get(message.reading, Reading.AUTO),
        first_stage_order=message.first_stage_order,
        diversity_cap=_decode_cap(checks, message.diversity_cap) if message.HasField("diversity_cap") else None,
    )


def _decode_cap(checks: Checks, message: ranking_pb2.DiversityCap) -> DiversityCap:
    path = "options.diversity_cap"
    checks.number(f"{path}.maximum", message.maximum, checks.rules.diversity_maximum)
    return DiversityCap(checks.text(f"{path}.attribute", message.attribute, checks.rules.name), message.maximum)
