-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 UTC; BYTEA is a blob in both; flags are 0 or 1.
-- *_key columns hold keyed pseudonyms, never numbers.

-- +goose Up
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL,
    at    BIGINT NOT NULL
);

-- How far each reader of each stream has come. Written in the transaction of what was read.
CREATE TABLE places (
    reader TEXT NOT NULL,
    stream TEXT NOT NULL,
    epoch  BIGINT NOT NULL, -- the streams of a reader in the order they appeared, from 1
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (reader, stream)
);

CREATE TABLE counts (
    minute   BIGINT NOT NULL, -- its start
    door     TEXT NOT NULL,
    route    TEXT NOT NULL,
    account  TEXT NOT NULL,
    class    TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    done     TEXT NOT NULL,
    mode     SMALLINT NOT NULL,
    n        BIGINT NOT NULL,
    opted    BIGINT NOT NULL, -- of them: the recipient opted out of judging
    refused  BIGINT NOT NULL, -- of them: the next hop refused
    delay    BIGINT NOT NULL, -- added by judging, all together, microseconds
    PRIMARY KEY (minute, door, route, account, class, outcome, done, mode)
);

CREATE TABLE rule_counts (
    minute BIGINT NOT NULL,
    route  TEXT NOT NULL,
    rule   TEXT NOT NULL,
    trial  SMALLINT NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (minute, route, rule, trial)
);

CREATE TABLE receipt_counts (
    minute  BIGINT NOT NULL,
    account TEXT NOT NULL,
    state   TEXT NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (minute, account, state)
);

-- What was stopped, or would have been in mode enforce.
CREATE TABLE stopped (
    id         BIGINT PRIMARY KEY, -- by its place in the stream; rises with time
    time       BIGINT NOT NULL,
    door       TEXT NOT NULL,
    account    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    route      TEXT NOT NULL,
    class      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    done       TEXT NOT NULL,
    mode       SMALLINT NOT NULL,
    from_key   BIGINT,
    from_plain TEXT NOT NULL,
    to_key     BIGINT,
    to_plain   TEXT NOT NULL,
    p_phishing DOUBLE PRECISION NOT NULL,
    p_bad      DOUBLE PRECISION NOT NULL,
    rules      TEXT NOT NULL, -- one a line
    trial      TEXT NOT NULL, -- one a line
    about      TEXT NOT NULL, -- one a line
    family     BIGINT NOT NULL,
    parts      SMALLINT NOT NULL,
    delay      BIGINT NOT NULL,
    status     BIGINT NOT NULL
);
CREATE INDEX stopped_time ON stopped (time);
CREATE INDEX stopped_to ON stopped (to_key, time);
CREATE INDEX stopped_from ON stopped (from_key, time);
CREATE INDEX stopped_message ON stopped (message_id);

-- What was delivered, and receipts: many records a row, since one row each would cost more than the
-- message. All rows of one commit share first, last and id.
CREATE TABLE packs (
    kind   SMALLINT NOT NULL, -- 1 delivered, 2 receipts, 3 message ids
    bucket SMALLINT NOT NULL, -- of the recipient's pseudonym; kind 3: of the message id
    last   BIGINT NOT NULL,   -- time of the latest record
    id     BIGINT NOT NULL,
    first  BIGINT NOT NULL,   -- time of the earliest record
    n      BIGINT NOT NULL,
    rows   BYTEA NOT NULL,
    PRIMARY KEY (kind, bucket, last, id)
);
CREATE INDEX packs_last ON packs (last);

-- Messages that we answered for ourselves: held texts and accepted blocks.
CREATE TABLE held (
    id         TEXT PRIMARY KEY, -- the message id that the sender was given
    time       BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    account    TEXT NOT NULL,
    route      TEXT NOT NULL,
    class      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    from_key   BIGINT,
    from_plain TEXT NOT NULL,
    to_key     BIGINT,
    to_plain   TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    once       TEXT NOT NULL, -- idempotency key of its release
    receipt    SMALLINT NOT NULL, -- the sender asked for one
    state      TEXT NOT NULL,
    decided    BIGINT NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE INDEX held_due ON held (state, expires);
CREATE INDEX held_decided ON held (decided);
CREATE INDEX held_to ON held (to_key, time);
CREATE INDEX held_once ON held (once);

-- Receipts that we owe, until they are acknowledged. Written in the transaction that makes them due.
CREATE TABLE owed (
    id      TEXT PRIMARY KEY, -- of the held message
    account TEXT NOT NULL,    -- whom it is owed
    state   SMALLINT NOT NULL, -- SMPP message_state
    at      BIGINT NOT NULL
);
CREATE INDEX owed_to ON owed (account, at);

CREATE TABLE seal_keys (
    day     BIGINT PRIMARY KEY,
    wrapped BYTEA NOT NULL
);

CREATE TABLE api_keys (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    hash    BYTEA NOT NULL,
    scopes  TEXT NOT NULL, -- one a line
    created BIGINT NOT NULL,
    revoked BIGINT NOT NULL -- 0: it is not
);

-- What contracts chose, and every choice before; the latest counts.
CREATE TABLE choices (
    contract BIGINT NOT NULL,
    line     BIGINT NOT NULL, -- 0: the whole contract
    purpose  TEXT NOT NULL,
    at       BIGINT NOT NULL,
    choice   TEXT NOT NULL,
    wording  TEXT NOT NULL, -- the version of the words that were agreed to
    channel  TEXT NOT NULL,
    PRIMARY KEY (contract, line, purpose, at)
);

-- +goose Down
DROP TABLE choices;
DROP TABLE api_keys;
DROP TABLE seal_keys;
DROP TABLE owed;
DROP TABLE held;
DROP TABLE packs;
DROP TABLE stopped;
DROP TABLE receipt_counts;
DROP TABLE rule_counts;
DROP TABLE counts;
DROP TABLE places;
DROP TABLE settings;
