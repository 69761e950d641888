-- The tables of crossrank. Applied whole by gateway/store/schema.py; every statement can be repeated.
-- Ids compare by their bytes (COLLATE "C"), so that ties break the same way on every server.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS items (
    item_id text COLLATE "C" PRIMARY KEY,
    fields jsonb NOT NULL,
    attributes jsonb NOT NULL,
    embedding vector({dimension}) NOT NULL,
    token_ids integer[],
    tokens_fingerprint text NOT NULL DEFAULT '',
    content_digest bytea NOT NULL,
    text_digest bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS items_embedding ON items USING hnsw (embedding vector_cosine_ops)
    WITH (m = 16, ef_construction = 128);
CREATE INDEX IF NOT EXISTS items_attributes ON items USING gin (attributes jsonb_path_ops);

-- The numbers among the attributes, for filters by range: an index on jsonb cannot answer them.
CREATE TABLE IF NOT EXISTS item_numbers (
    item_id text COLLATE "C" NOT NULL REFERENCES items ON DELETE CASCADE,
    attribute text COLLATE "C" NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (item_id, attribute)
);
CREATE INDEX IF NOT EXISTS item_numbers_value ON item_numbers (attribute, value, item_id);

-- What users did. No foreign key to items: what happened stays true when an item leaves the catalogue.
CREATE TABLE IF NOT EXISTS interactions (
    user_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    weight double precision NOT NULL,
    attribution_token text COLLATE "C" NOT NULL DEFAULT '',
    sequence bigint GENERATED ALWAYS AS IDENTITY,  -- at the same moment, what was stored later came later
    PRIMARY KEY (user_id, item_id, event, time)
);
CREATE INDEX IF NOT EXISTS interactions_history ON interactions (user_id, time DESC, sequence DESC, item_id) WHERE weight > 0;
CREATE INDEX IF NOT EXISTS interactions_attribution ON interactions (attribution_token, item_id)
    WHERE attribution_token <> '';

-- All three made from interactions by gateway/catalog/rebuild.py. Every item has a popularity, 0 from the moment it is
-- written: so those that nobody liked are found without a look at all items.
CREATE TABLE IF NOT EXISTS item_popularity (
    item_id text COLLATE "C" PRIMARY KEY,
    users bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS item_popularity_order ON item_popularity (users DESC, item_id);

-- What an item of a history says of its strongest neighbours in one relation; arrays in the order of the ids.
CREATE TABLE IF NOT EXISTS item_relations (
    item_id text COLLATE "C" NOT NULL,
    relation text COLLATE "C" NOT NULL,
    neighbor_ids text[] COLLATE "C" NOT NULL,
    weights real[] NOT NULL,
    PRIMARY KEY (item_id, relation)
);

-- The same as arrays for the ranker (gateway/store/signals.py), and the item's vectors of the smooth relations.
CREATE TABLE IF NOT EXISTS item_signals (
    item_id text COLLATE "C" PRIMARY KEY,
    neighbors bytea NOT NULL,
    weights bytea NOT NULL,
    smooth bytea NOT NULL
);

-- What orders lists (gateway/ranker/fitted.py; gateway/store/rankers.py says how many stay), and how often the signals
-- were made anew.
CREATE TABLE IF NOT EXISTS rankers (
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version text COLLATE "C" PRIMARY KEY,
    ranker text NOT NULL,
    held_at timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE TABLE IF NOT EXISTS signals_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL
);

-- Lists that were shown, a row each: a list of 100 items is written in a seventh of the bytes that rows of its items take.
-- The arrays are in the order shown.
CREATE TABLE IF NOT EXISTS impressions (
    attribution_token text COLLATE "C" PRIMARY KEY,
    request_id text NOT NULL,
    context jsonb NOT NULL,
    model text NOT NULL,
    version text NOT NULL,
    fingerprint text NOT NULL,
    degraded jsonb NOT NULL,
    time timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL DEFAULT '',
    orderer text NOT NULL DEFAULT '',
    orderer_version text NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS impressions_time ON impressions (time);

-- Once, then never again: a starting gateway that altered the table would wait for whoever reads it, and all that write
-- would wait behind. The view has the items row by row; interactions join to them by (attribution_token, item_id).
DO $$
BEGIN
    IF to_regclass('shown_items') IS NULL THEN
        ALTER TABLE impressions
            ADD COLUMN item_ids text[] COLLATE "C" NOT NULL DEFAULT ARRAY[]::text[],
            ADD COLUMN first_stage_ranks integer[] NOT NULL DEFAULT ARRAY[]::integer[],
            ADD COLUMN logits double precision[] NOT NULL DEFAULT ARRAY[]::double precision[],
            ADD COLUMN scores double precision[] NOT NULL DEFAULT ARRAY[]::double precision[];
        CREATE VIEW shown_items AS
            SELECT attribution_token, shown.item_id, shown.rank::integer, first_stage_rank, logit, score
            FROM impressions, unnest(item_ids, first_stage_ranks, logits, scores)
                WITH ORDINALITY AS shown (item_id, first_stage_rank, logit, score, rank);
    END IF;
END $$;

-- What the shadow found, a row per compared request, and how many requests it did not compare: then everything from
-- items on is null. Rows leave after 90 days (gateway/store/comparisons.py).
CREATE TABLE IF NOT EXISTS shadow_comparisons (
    time timestamptz NOT NULL DEFAULT now(),
    champion text NOT NULL,
    champion_version text NOT NULL,
    challenger text NOT NULL,
    challenger_version text NOT NULL,
    outcome text NOT NULL,
    requests bigint NOT NULL,
    items integer,
    kendall_tau double precision,
    top_overlap double precision,
    score_shift double precision,
    score_shift_p95 double precision,
    logit_shift double precision,
    logit_shift_p95 double precision,
    champion_s double precision,
    challenger_s double precision
);
CREATE INDEX IF NOT EXISTS shadow_comparisons_time ON shadow_comparisons (time);
