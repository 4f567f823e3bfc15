-- What was reported, for the purpose quality, who reported, and the indicators that came of it. What a reporter wrote, and all numbers, are in the
-- sealed columns alone, under the keys of days.

-- +goose Up
CREATE TABLE reports (
    digest   BIGINT PRIMARY KEY, -- keyed hash of reporter and the giver's id: what comes twice is one
    at       BIGINT NOT NULL,
    channel  TEXT NOT NULL,
    medium   TEXT NOT NULL,
    claim    TEXT NOT NULL,
    reporter BIGINT NOT NULL, -- pseudonym
    bunch    BIGINT NOT NULL,
    told     BIGINT NOT NULL, -- when the reporter was told what became of it; 0: not yet
    sealed   BYTEA NOT NULL
);
CREATE INDEX reports_bunch ON reports (bunch, at);
CREATE INDEX reports_at ON reports (at);

-- Reports of one text, whatever its links.
CREATE TABLE bunches (
    id        BIGINT PRIMARY KEY,
    state     TEXT NOT NULL, -- new, fraud, honest
    medium    TEXT NOT NULL,
    first     BIGINT NOT NULL,
    last      BIGINT NOT NULL,
    reports   BIGINT NOT NULL,
    reporters BIGINT NOT NULL,
    honest    BIGINT NOT NULL, -- of the reports: say that it is honest
    weight    DOUBLE PRECISION NOT NULL, -- of independent voices
    herd      BIGINT NOT NULL, -- voices that are taken for one
    p_bad     DOUBLE PRECISION NOT NULL, -- what the filter says of its text
    campaign  BIGINT NOT NULL, -- of the stream of messages; 0: none
    who       TEXT NOT NULL, -- decided it; empty: nobody
    why       TEXT NOT NULL,
    sealed    BYTEA NOT NULL
);
CREATE INDEX bunches_state ON bunches (state, last);
CREATE INDEX bunches_last ON bunches (last);

CREATE TABLE reporters (
    id      BIGINT PRIMARY KEY, -- pseudonym
    good    BIGINT NOT NULL, -- reports that were right
    bad     BIGINT NOT NULL, -- and wrong
    reports BIGINT NOT NULL,
    last    BIGINT NOT NULL,
    recent  BYTEA NOT NULL -- the last bunches he reported, 8 octets each
);
CREATE INDEX reporters_last ON reporters (last);

-- Conversations with reporters, sealed.
CREATE TABLE talks (
    id     BIGINT PRIMARY KEY, -- keyed hash of the reporter's number
    last   BIGINT NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE INDEX talks_last ON talks (last);

-- The register of indicators. A number that is somebody's secret has the role victim.
CREATE TABLE indicators (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    role       TEXT NOT NULL,
    source     TEXT NOT NULL,
    tlp        TEXT NOT NULL,
    confidence BIGINT NOT NULL,
    first      BIGINT NOT NULL,
    last       BIGINT NOT NULL,
    until      BIGINT NOT NULL, -- in force until then, if not seen again
    recipients BIGINT NOT NULL,
    campaign   BIGINT NOT NULL,
    bunch      BIGINT NOT NULL, -- of reports that it came of; 0: none
    lure       TEXT NOT NULL,
    good       BIGINT NOT NULL, -- how often it was right here
    bad        BIGINT NOT NULL, -- and wrong
    status     TEXT NOT NULL,
    changed    BIGINT NOT NULL,
    who        TEXT NOT NULL,
    why        TEXT NOT NULL
);
CREATE UNIQUE INDEX indicators_value ON indicators (kind, value, source);
CREATE INDEX indicators_changed ON indicators (changed, id);
CREATE INDEX indicators_status ON indicators (status, changed);
CREATE INDEX indicators_until ON indicators (status, until);
CREATE INDEX indicators_bunch ON indicators (bunch);

-- +goose Down
DROP TABLE indicators;
DROP TABLE talks;
DROP TABLE reporters;
DROP TABLE bunches;
DROP TABLE reports;
