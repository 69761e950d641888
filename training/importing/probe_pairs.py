"""Pairs that an imported model is checked on, and the proof that we tokenise them as transformers does."""

from collections.abc import Mapping, Sequence

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from gateway.encoding.golden import GoldenPair
from gateway.encoding.pair_encoder import ContextTooLong, PairEncoder
from gateway.encoding.render import ContextFields, render_item
from training.errors import CheckpointUnusable
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.importing.checkpoint import Checkpoint
from training.release.golden import HARD_TEXTS

QUERIES = 24


def probe_pairs(encoder: PairEncoder) -> list[GoldenPair]:
    """Without token ids and logits: each hard text as an item and in a history, and queries with items of all kinds."""
    names = [field.name for field in encoder.spec.item.fields]
    history_names = [field.name for field in encoder.spec.context.history_fields]
    plain = dict.fromkeys(names, "") | {names[0]: SAMPLE_TEXTS[0]}
    pairs = []
    for place, text in enumerate(HARD_TEXTS):
        history = [dict.fromkeys(history_names, one) for one in (text, *SAMPLE_TEXTS[place : place + 3])]
        pairs += [_pair("", history, plain), _pair("", history[1:], {**dict.fromkeys(names, text), names[-1]: "12"})]
    for place, query in enumerate(SAMPLE_TEXTS[:QUERIES]):
        texts = SAMPLE_TEXTS[place * 3 % len(SAMPLE_TEXTS) :] + SAMPLE_TEXTS
        pairs.append(_pair(query, [], dict(zip(names, texts, strict=False))))
    return [pair for pair in pairs if _fits(encoder, pair)]


def check_tokens(checkpoint: Checkpoint, encoder: PairEncoder, pairs: Sequence[GoldenPair]) -> None:
    """Raises CheckpointUnusable when transformers' own tokenizer gives a pair other tokens or segments than we do."""
    tokenizer = _open_tokenizer(checkpoint)
    for pair in pairs:
        context = encoder.encode_context(ContextFields(pair.query, pair.features, pair.history))
        item = render_item(encoder.spec.item, pair.item)
        ours = encoder.join(context, encoder.encode_item(pair.item))
        theirs = tokenizer(
            [context.text],
            [item],
            split_special_tokens=True,
            return_token_type_ids=True,
            truncation="only_second",
            max_length=len(context.token_ids) + encoder.spec.item.max_tokens + encoder.special_tokens,
        )
        if (list(ours.token_ids), list(ours.type_ids)) != (theirs["input_ids"][0], theirs["token_type_ids"][0]):
            raise CheckpointUnusable(
                f"tokenizer.json and tokenizer_config.json disagree: for the pair {context.text!r}, {item!r} "
                f"transformers has {theirs['input_ids'][0]}, tokenizer.json alone {list(ours.token_ids)}",
                "save both anew: AutoTokenizer.from_pretrained(…).save_pretrained(…), and check which one is right",
            )


def _open_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    folder = checkpoint.source.folder
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise CheckpointUnusable(
            f"transformers cannot open the tokenizer of {checkpoint.source.name}: {' '.join(str(fault).split())[:300]}",
            "save it anew with AutoTokenizer(…).save_pretrained; a tokenizer that needs code of its own is never run",
        ) from fault
    return tokenizer


def _pair(query: str, history: Sequence[Mapping[str, str]], item: Mapping[str, str]) -> GoldenPair:
    return GoldenPair(query, {}, list(history), item, (), 0.0)


def _fits(encoder: PairEncoder, pair: GoldenPair) -> bool:
    try:
        encoder.encode_context(ContextFields(pair.query, pair.features, pair.history))
    except ContextTooLong:
        return False
    return any(pair.item.values())
