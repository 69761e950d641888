"""Small tokenizers of two families, built in memory, for tests that need real token ids and no downloads."""

from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = (
    "toy story the matrix heat alien jaws brazil fargo space comedy drama action children year query a b c d e "
    "1995 1999 1979 1975 1985 1996 query : , | sep cls [ ] ##s ##a ##b ##c"
)


def bert_like() -> Tokenizer:
    """WordPiece with [CLS] a [SEP] b [SEP] and segment ids 0 and 1."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(specials + WORDS.split()))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(specials)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def roberta_like() -> Tokenizer:
    """Word level with <s> a </s></s> b </s> and no segment ids."""
    specials = ["<pad>", "<unk>", "<s>", "</s>"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(specials + WORDS.split()))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(specials)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", vocabulary["<s>"]), ("</s>", vocabulary["</s>"])],
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> Path:
    """Writes tokenizer.json into the folder."""
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path
