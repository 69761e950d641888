"""Frozen values to protobuf messages. Checks nothing: the service does, and names every fault."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from crossrank.v1 import feedback_pb2, ranking_pb2, types_pb2
from crossrank_client.catalog import AnyOf, AttributeValue, Equals, Filter, InRange, Interaction, Item
from crossrank_client.questions import (
    Candidate,
    CandidateOptions,
    Context,
    History,
    HistoryEvent,
    Query,
    RankingOptions,
    Seed,
    Subject,
    User,
)


def context_message(context: Context | Subject) -> ranking_pb2.Context:
    """The message of a context, or of a subject alone."""
    if not isinstance(context, Context):
        return _subject(context)
    message = _subject(context.subject)
    message.MergeFrom(
        ranking_pb2.Context(
            session_query=context.session_query,
            surface=context.surface,
            locale=context.locale,
            features=_attributes(context.features),
        )
    )
    return message


def candidate_message(candidate: Candidate | str) -> ranking_pb2.Candidate:
    """The message of a candidate; a string is the id of a catalogue item."""
    if isinstance(candidate, str):
        return ranking_pb2.Candidate(item_id=candidate)
    return ranking_pb2.Candidate(
        item_id=candidate.item_id, fields=candidate.fields, first_stage_score=candidate.first_stage_score
    )


def candidate_options_message(options: CandidateOptions) -> ranking_pb2.CandidateOptions:
    """The message of candidate options."""
    return ranking_pb2.CandidateOptions(
        sources=options.sources,
        limit=options.limit,
        filters=filter_messages(options.filters),
        exclude_item_ids=options.exclude_item_ids,
        include_seen=options.include_seen,
    )


def ranking_options_message(options: RankingOptions) -> ranking_pb2.RankingOptions:
    """The message of ranking options."""
    message = ranking_pb2.RankingOptions(
        top_n=options.top_n,
        min_score=options.min_score,
        priority=ranking_pb2.PRIORITY_BATCH if options.batch else ranking_pb2.PRIORITY_INTERACTIVE,
        require_rerank=options.require_rerank,
        return_items=options.return_items,
        model=options.model,
        explain=options.explain,
    )
    if options.reject_long_items:
        message.truncation_policy = ranking_pb2.TRUNCATION_POLICY_REJECT
    if options.diversity_cap is not None:
        cap = options.diversity_cap
        message.diversity_cap.CopyFrom(ranking_pb2.DiversityCap(attribute=cap.attribute, maximum=cap.maximum))
    return message


def item_message(item: Item) -> types_pb2.Item:
    """The message of a catalogue item."""
    return types_pb2.Item(item_id=item.item_id, fields=item.fields, attributes=_attributes(item.attributes))


def filter_messages(filters: Sequence[Filter]) -> list[types_pb2.Filter]:
    """The messages of filters."""
    return [_filter(one) for one in filters]


def interaction_message(interaction: Interaction) -> feedback_pb2.Interaction:
    """The message of an interaction. ValueError when its time has no zone."""
    message = feedback_pb2.Interaction(
        user_id=interaction.user_id,
        item_id=interaction.item_id,
        event=interaction.event,
        weight=interaction.weight,
        attribution_token=interaction.attribution_token,
    )
    if interaction.time is not None:
        if interaction.time.tzinfo is None:
            raise ValueError(f"time {interaction.time.isoformat()} has no time zone; give one, for example UTC")
        message.time.FromDatetime(interaction.time)
    return message


def _subject(subject: Subject) -> ranking_pb2.Context:
    match subject:
        case User(user_id):
            return ranking_pb2.Context(user_id=user_id)
        case Query(text):
            return ranking_pb2.Context(query=text)
        case Seed(item_id):
            return ranking_pb2.Context(seed_item_id=item_id)
        case History(events):
            return ranking_pb2.Context(history=ranking_pb2.History(events=[_event(one) for one in events]))
    assert_never(subject)


def _event(event: HistoryEvent) -> ranking_pb2.HistoryEvent:
    return ranking_pb2.HistoryEvent(item_id=event.item_id, fields=event.fields)


def _filter(one: Filter) -> types_pb2.Filter:
    match one:
        case Equals(attribute, value):
            return types_pb2.Filter(attribute=attribute, equals=_attribute(value))
        case AnyOf(attribute, values):
            return types_pb2.Filter(attribute=attribute, any_of=types_pb2.Labels(values=values))
        case InRange(attribute, minimum, maximum):
            return types_pb2.Filter(
                attribute=attribute, in_range=types_pb2.NumberRange(minimum=minimum, maximum=maximum)
            )
    assert_never(one)


def _attributes(values: Mapping[str, AttributeValue]) -> dict[str, types_pb2.AttributeValue]:
    return {name: _attribute(value) for name, value in values.items()}


def _attribute(value: AttributeValue) -> types_pb2.AttributeValue:
    if isinstance(value, bool):  # before numbers: bool is an int
        return types_pb2.AttributeValue(flag=value)
    if isinstance(value, str):
        return types_pb2.AttributeValue(text=value)
    if isinstance(value, tuple):
        return types_pb2.AttributeValue(labels=types_pb2.Labels(values=value))
    return types_pb2.AttributeValue(number=value)
