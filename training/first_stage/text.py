"""What texts alone tell of items: BM25 between them, and their vectors. Knows no user."""

from collections.abc import Sequence

import bm25s
import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from gateway.encoding.item_text import item_text
from training.data.tables import ItemRow
from training.first_stage.training_interactions import Scores
from training.model.cross_encoder import base_model_path
from training.options.fit import BUNDLED_MODEL


def bm25(texts: Sequence[str]) -> Scores:
    """[items, items]: BM25 of each item's whole text as the query, through bm25s (Robertson's idf, k1 1.5, b .75).
    Words have two letters and more and are no stop words; texts without any are alike to none."""
    tokens = bm25s.tokenize(list(texts), stopwords="en", show_progress=False)
    if not any(tokens.ids):  # bm25s indexes no empty vocabulary
        return np.zeros((len(texts), len(texts)), np.float32)
    index = bm25s.BM25()
    index.index(tokens, show_progress=False)
    weights = index.scores
    words = csc_matrix(
        (weights["data"], weights["indices"], weights["indptr"]), shape=(len(texts), len(weights["indptr"]) - 1)
    )
    lengths = [len(ids) for ids in tokens.ids]
    columns = np.concatenate([*(np.array(ids, int) for ids in tokens.ids), np.zeros(0, int)])
    queries = csr_matrix(
        (np.ones(len(columns), np.float32), columns, np.concatenate([[0], np.cumsum(lengths)])),
        shape=(len(texts), words.shape[1]),
    )
    queries.sum_duplicates()
    return np.asarray((queries @ words.T).todense(), dtype=np.float32)


def embed(texts: Sequence[str]) -> Scores:
    """[items, 384] unit vectors of the bundled bi-encoder."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(base_model_path(BUNDLED_MODEL), device="cpu")
    vectors = model.encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=None)
    return np.asarray(vectors, dtype=np.float32)


def item_vectors(items: Sequence[ItemRow]) -> Scores:
    """[items, 384] unit vectors of the items' whole texts, as the catalogue has them; equal texts are read once."""
    texts = [item_text(item.fields) for item in items]
    different = sorted(set(texts))
    places = {text: place for place, text in enumerate(different)}
    vectors: Scores = embed(different)[[places[text] for text in texts]]
    return vectors
