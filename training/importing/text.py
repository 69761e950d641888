"""What an imported model reads: fields, history and budgets as an encoding spec, checked against the model's limit."""

from dataclasses import dataclass

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.spec import ContextSpec, EncodingSpec, FieldSpec, ItemSpec, parse_spec
from gateway.ranker.spec import SpecInvalid
from training.errors import ConfigInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class PairText:
    """Fields of both sides and budgets in tokens. Queries stand as they are: that is how such models were trained."""

    fields: tuple[str, ...]
    history_fields: tuple[str, ...] = ()
    """Empty: the first of ``fields``."""
    history_items: int = 8
    history_item_tokens: int = 16
    context_tokens: int = 96
    item_tokens: int = 128

    def spec(self, template: str) -> EncodingSpec:
        """The encoding spec; the logit alone ranks, and its sigmoid is the score. Raises ConfigInvalid."""
        spec = EncodingSpec(
            template=template,
            context=ContextSpec(
                history_items=self.history_items,
                max_tokens=self.context_tokens,
                max_item_tokens=min(self.history_item_tokens, self.context_tokens),
                history_fields=tuple(map(FieldSpec, self.history_fields or self.fields[:1])),
                query_label="",
            ),
            item=ItemSpec(max_tokens=self.item_tokens, fields=tuple(map(FieldSpec, self.fields))),
        )
        try:
            return parse_spec(spec.to_json())
        except SpecInvalid as fault:
            raise ConfigInvalid(str(fault), "change the budgets or the fields") from fault


def check_budget(encoder: PairEncoder, longest_input: int, keys: str) -> None:
    """Raises ConfigInvalid when the longest pair has more tokens than the model has positions; ``keys``: what sets the
    budgets."""
    spec, longest = encoder.spec, encoder.max_pair_tokens
    if longest > longest_input:
        room = longest_input - encoder.special_tokens
        raise ConfigInvalid(
            f"{spec.context.max_tokens} tokens of context, {spec.item.max_tokens} of item and {encoder.special_tokens} "
            f"special ones make {longest}; the model reads at most {longest_input}",
            f"give budgets that sum up to at most {room}: {keys}",
        )
