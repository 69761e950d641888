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

-- Both made from interactions by gateway/indexing/neighbors.py.
CREATE TABLE IF NOT EXISTS item_popularity (
    item_id text COLLATE "C" PRIMARY KEY,
    users bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS item_popularity_order ON item_popularity (users DESC, item_id);

CREATE TABLE IF NOT EXISTS item_neighbors (
    item_id text COLLATE "C" NOT NULL,
    neighbor_id text COLLATE "C" NOT NULL,
    weight double precision NOT NULL,
    PRIMARY KEY (item_id, neighbor_id)
);

-- Lists that were shown; interactions join to them by (attribution_token, item_id).
CREATE TABLE IF NOT EXISTS impressions (
    attribution_token text COLLATE "C" PRIMARY KEY,
    request_id text NOT NULL,
    context jsonb NOT NULL,
    model text NOT NULL,
    version text NOT NULL,
    fingerprint text NOT NULL,
    degraded jsonb NOT NULL,
    time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS impressions_time ON impressions (time);

-- No foreign key: its check of every row took nine tenths of the time of an INSERT that one statement does for both tables.
CREATE TABLE IF NOT EXISTS impression_items (
    attribution_token text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    rank integer NOT NULL,
    first_stage_rank integer NOT NULL,
    logit double precision,
    score double precision,
    PRIMARY KEY (attribution_token, item_id)
);

CREATE OR REPLACE FUNCTION delete_items_of_impressions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM impression_items USING gone WHERE impression_items.attribution_token = gone.attribution_token;
    RETURN NULL;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'items_leave_with_their_impression') THEN
        CREATE TRIGGER items_leave_with_their_impression AFTER DELETE ON impressions
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_items_of_impressions();
    END IF;
END $$;

-- What shadow scoring found, a row per compared request, and how many requests it lost: then everything from items on is
-- null. Rows leave after 90 days (gateway/store/comparisons.py).
CREATE TABLE IF NOT EXISTS shadow_comparisons (
    time timestamptz NOT NULL DEFAULT now(),
    champion_model text NOT NULL,
    champion_version text NOT NULL,
    challenger_model text NOT NULL,
    challenger_version text NOT NULL,
    challenger_fingerprint text NOT NULL,
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
