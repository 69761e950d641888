"""Frozen values to protobuf messages. Refuses what a message cannot hold, by the field's path as the service names it;
bounds are the service's to check."""

from datetime import datetime, timezone
from numbers import Real
from typing import Any

from crossrank.v1 import feedback_pb2, ranking_pb2, types_pb2
from crossrank_client.catalog import AnyOf, Equals, InRange, Interaction, Item
from crossrank_client.checks import (
    flag,
    mapping,
    moment,
    number,
    optional_number,
    refused,
    several,
    text,
    text_map,
    texts,
    whole,
)
from crossrank_client.questions import (
    Candidate,
    CandidateOptions,
    Context,
    DiversityCap,
    History,
    HistoryEvent,
    Query,
    RankingOptions,
    Reading,
    Seed,
    User,
)

_READING = {
    Reading.AUTO: ranking_pb2.READING_UNSPECIFIED,
    Reading.ALWAYS: ranking_pb2.READING_ALWAYS,
    Reading.NEVER: ranking_pb2.READING_NEVER,
}


def context_message(context: object) -> ranking_pb2.Context:
    """The message of a context, or of a subject alone."""
    if not isinstance(context, Context):
        return _subject(context)
    message = _subject(context.subject)
    message.MergeFrom(
        ranking_pb2.Context(
            session_query=text("context.session_query", context.session_query),
            surface=text("context.surface", context.surface),
            locale=text("context.locale", context.locale),
            features=_attributes("context.features", context.features),
        )
    )
    return message


def candidate_messages(candidates: object) -> list[ranking_pb2.Candidate]:
    """The messages of candidates; a string is the id of a catalogue item."""
    return [_candidate(f"candidates[{place}]", one) for place, one in enumerate(several("candidates", candidates))]


def candidate_options_message(options: object) -> ranking_pb2.CandidateOptions:
    """The message of candidate options."""
    if not isinstance(options, CandidateOptions):
        raise refused("candidates", options, "CandidateOptions")
    return ranking_pb2.CandidateOptions(
        sources=texts("candidates.sources", options.sources),
        limit=whole("candidates.limit", options.limit),
        filters=filter_messages("candidates.filters", options.filters),
        exclude_item_ids=texts("candidates.exclude_item_ids", options.exclude_item_ids),
        include_seen=flag("candidates.include_seen", options.include_seen),
    )


def ranking_options_message(options: object) -> ranking_pb2.RankingOptions:
    """The message of ranking options."""
    if not isinstance(options, RankingOptions):
        raise refused("options", options, "RankingOptions")
    batch = flag("options.batch", options.batch)
    message = ranking_pb2.RankingOptions(
        top_n=whole("options.top_n", options.top_n),
        min_score=optional_number("options.min_score", options.min_score),
        priority=ranking_pb2.PRIORITY_BATCH if batch else ranking_pb2.PRIORITY_INTERACTIVE,
        require_rerank=flag("options.require_rerank", options.require_rerank),
        return_items=flag("options.return_items", options.return_items),
        model=text("options.model", options.model),
        explain=flag("options.explain", options.explain),
        reading=_reading("options.reading", options.reading),
        first_stage_order=flag("options.first_stage_order", options.first_stage_order),
        diversity_cap=_diversity_cap("options.diversity_cap", options.diversity_cap),
    )
    if flag("options.reject_long_items", options.reject_long_items):
        message.truncation_policy = ranking_pb2.TRUNCATION_POLICY_REJECT
    return message


def _reading(path: str, value: object) -> ranking_pb2.Reading:
    if not isinstance(value, Reading):
        raise refused(path, value, "Reading.AUTO, Reading.ALWAYS or Reading.NEVER")
    return _READING[value]


def item_message(path: str, item: object) -> types_pb2.Item:
    """The message of a catalogue item."""
    if not isinstance(item, Item):
        raise refused(path, item, "an Item")
    return types_pb2.Item(
        item_id=text(f"{path}.item_id", item.item_id),
        fields=text_map(f"{path}.fields", item.fields),
        attributes=_attributes(f"{path}.attributes", item.attributes),
    )


def filter_messages(path: str, filters: object) -> list[types_pb2.Filter]:
    """The messages of filters."""
    return [_filter(f"{path}[{place}]", one) for place, one in enumerate(several(path, filters))]


def interaction_message(path: str, interaction: object) -> feedback_pb2.Interaction:
    """The message of an interaction. One without a time gets this moment: the service would give each try of a call a
    moment of its own, and store what is sent again as something else."""
    if not isinstance(interaction, Interaction):
        raise refused(path, interaction, "an Interaction")
    message = feedback_pb2.Interaction(
        user_id=text(f"{path}.user_id", interaction.user_id),
        item_id=text(f"{path}.item_id", interaction.item_id),
        event=text(f"{path}.event", interaction.event),
        weight=optional_number(f"{path}.weight", interaction.weight),
        attribution_token=text(f"{path}.attribution_token", interaction.attribution_token),
    )
    time = datetime.now(timezone.utc) if interaction.time is None else moment(f"{path}.time", interaction.time)
    try:
        message.time.FromDatetime(time)
    except (OverflowError, ValueError):  # only at the ends of the calendar, by the zone's offset
        raise refused(f"{path}.time", time, "a time of the years 1 to 9999 in UTC") from None
    return message


def _subject(subject: object) -> ranking_pb2.Context:
    match subject:
        case User(user_id):
            return ranking_pb2.Context(user_id=text("context.user_id", user_id))
        case Query(query):
            return ranking_pb2.Context(query=text("context.query", query))
        case Seed(item_id):
            return ranking_pb2.Context(seed_item_id=text("context.seed_item_id", item_id))
        case History(events):
            path = "context.history.events"
            messages = [_event(f"{path}[{place}]", one) for place, one in enumerate(several(path, events))]
            return ranking_pb2.Context(history=ranking_pb2.History(events=messages))
    raise refused("context", subject, "a Context, User, History, Query or Seed")


def _event(path: str, event: object) -> ranking_pb2.HistoryEvent:
    if not isinstance(event, HistoryEvent):
        raise refused(path, event, "a HistoryEvent")
    return ranking_pb2.HistoryEvent(
        item_id=text(f"{path}.item_id", event.item_id), fields=text_map(f"{path}.fields", event.fields)
    )


def _candidate(path: str, candidate: object) -> ranking_pb2.Candidate:
    if isinstance(candidate, str):
        return ranking_pb2.Candidate(item_id=text(f"{path}.item_id", candidate))
    if not isinstance(candidate, Candidate):
        raise refused(path, candidate, "a Candidate, or the id (str) of a catalogue item")
    return ranking_pb2.Candidate(
        item_id=text(f"{path}.item_id", candidate.item_id),
        fields=text_map(f"{path}.fields", candidate.fields),
        first_stage_score=optional_number(f"{path}.first_stage_score", candidate.first_stage_score),
    )


def _diversity_cap(path: str, cap: object) -> ranking_pb2.DiversityCap | None:
    if cap is None:
        return None
    if not isinstance(cap, DiversityCap):
        raise refused(path, cap, "a DiversityCap or None")
    return ranking_pb2.DiversityCap(
        attribute=text(f"{path}.attribute", cap.attribute), maximum=whole(f"{path}.maximum", cap.maximum)
    )


def _filter(path: str, one: object) -> types_pb2.Filter:
    match one:
        case Equals(attribute, value):
            condition: dict[str, Any] = {"equals": _attribute(f"{path}.equals", value)}
        case AnyOf(attribute, values):
            condition = {"any_of": types_pb2.Labels(values=texts(f"{path}.any_of.values", values))}
        case InRange(attribute, minimum, maximum):
            bounds = types_pb2.NumberRange(
                minimum=optional_number(f"{path}.in_range.minimum", minimum),
                maximum=optional_number(f"{path}.in_range.maximum", maximum),
            )
            condition = {"in_range": bounds}
        case _:
            raise refused(path, one, "an Equals, AnyOf or InRange")
    return types_pb2.Filter(attribute=text(f"{path}.attribute", attribute), **condition)


def _attributes(path: str, values: object) -> dict[str, types_pb2.AttributeValue]:
    return {name: _attribute(f"{path}[{name!r}]", value) for name, value in mapping(path, values).items()}


def _attribute(path: str, value: object) -> types_pb2.AttributeValue:
    match value:
        case bool():  # before numbers: bool is an int
            return types_pb2.AttributeValue(flag=value)
        case str():
            return types_pb2.AttributeValue(text=text(f"{path}.text", value))
        case tuple():
            return types_pb2.AttributeValue(labels=types_pb2.Labels(values=texts(f"{path}.labels.values", value)))
        case Real():
            return types_pb2.AttributeValue(number=number(f"{path}.number", value))
    raise refused(path, value, "a text, a finite number, True or False, or a tuple of texts")
