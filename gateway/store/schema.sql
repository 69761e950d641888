-- The database of a gateway. Applied whole, in one transaction, as often as anybody likes.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE IF NOT EXISTS schema_version (version int PRIMARY KEY);

CREATE TABLE IF NOT EXISTS items (
    item_id text COLLATE "C" PRIMARY KEY,
    fields jsonb NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    embedding vector(384) NOT NULL,
    token_ids int[],
    tokens_fingerprint text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS items_attributes ON items USING gin (attributes jsonb_path_ops);
CREATE INDEX IF NOT EXISTS items_embedding ON items USING hnsw (embedding vector_cosine_ops);

-- sequence breaks ties of time: what was stored later happened later.
CREATE TABLE IF NOT EXISTS interactions (
    user_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    event text NOT NULL,
    weight double precision NOT NULL,
    time timestamptz NOT NULL,
    attribution_token text NOT NULL DEFAULT '',
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (user_id, item_id, event, time)
);
CREATE INDEX IF NOT EXISTS interactions_recent ON interactions (user_id, time DESC, sequence DESC);

-- Derived from interactions by `crossrank index`: distinct users with a positive interaction; similar items.
CREATE TABLE IF NOT EXISTS item_popularity (
    item_id text COLLATE "C" PRIMARY KEY,
    users int NOT NULL
);
CREATE INDEX IF NOT EXISTS item_popularity_users ON item_popularity (users DESC, item_id);
CREATE TABLE IF NOT EXISTS item_neighbors (
    item_id text COLLATE "C" NOT NULL,
    neighbor_id text COLLATE "C" NOT NULL,
    weight double precision NOT NULL,
    PRIMARY KEY (item_id, neighbor_id)
);

-- What was shown, and where each item stood before and after ranking.
CREATE TABLE IF NOT EXISTS impressions (
    attribution_token text PRIMARY KEY,
    request_id text NOT NULL,
    user_id text COLLATE "C",
    context jsonb NOT NULL,
    model text NOT NULL,
    model_version text NOT NULL,
    encoding_fingerprint text NOT NULL,
    degraded text[] NOT NULL,
    time timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS impression_items (
    attribution_token text NOT NULL REFERENCES impressions ON DELETE CASCADE,
    rank int NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    first_stage_rank int NOT NULL,
    logit real,
    score real,
    PRIMARY KEY (attribution_token, rank)
);

INSERT INTO schema_version VALUES (1) ON CONFLICT DO NOTHING;
