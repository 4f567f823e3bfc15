-- The casebook. A case holds the line that its owner is to be warned of, because without it nobody could; no other table of this file has it, and
-- closing a case takes it away, with the contract and what stood against it. What stands against contracts is in a table of its own, standings.

-- +goose Up
CREATE TABLE cases (
    id             TEXT PRIMARY KEY,
    kind           TEXT NOT NULL,
    contract       BIGINT NOT NULL, -- 0: closed
    line           BIGINT NOT NULL, -- 0: closed
    state          TEXT NOT NULL,
    opened         BIGINT NOT NULL,
    first_evidence BIGINT NOT NULL,
    last_evidence  BIGINT NOT NULL,
    updated        BIGINT NOT NULL,
    score          DOUBLE PRECISION NOT NULL,
    stopped        BIGINT NOT NULL,
    reasons        BYTEA NOT NULL, -- JSON
    campaigns      TEXT NOT NULL, -- in hexadecimal, a space between them
    noticed        BIGINT NOT NULL, -- 0: its owner was never told
    confirmed      BIGINT NOT NULL, -- 0: nobody said that the phone was cleaned
    confirmed_by   TEXT NOT NULL
);
-- A contract has one case of a kind that has not ended.
CREATE UNIQUE INDEX cases_live ON cases (contract, kind) WHERE state NOT IN ('wrong', 'closed');
CREATE INDEX cases_contract ON cases (contract, opened);
CREATE INDEX cases_state ON cases (state, opened);
CREATE INDEX cases_updated ON cases (updated);

CREATE TABLE case_moves (
    case_id    TEXT NOT NULL,
    n          BIGINT NOT NULL, -- from 1
    at         BIGINT NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    PRIMARY KEY (case_id, n)
);

-- Who was told, how, and by which version of the text; neither the text nor the address.
CREATE TABLE notices (
    id        TEXT PRIMARY KEY,
    case_id   TEXT NOT NULL,
    channel   TEXT NOT NULL,
    state     TEXT NOT NULL,
    version   TEXT NOT NULL,
    planned   BIGINT NOT NULL,
    agreed    BIGINT NOT NULL,
    agreed_by TEXT NOT NULL,
    tried     BIGINT NOT NULL,
    ended     BIGINT NOT NULL,
    who       TEXT NOT NULL,
    why       TEXT NOT NULL
);
CREATE INDEX notices_case ON notices (case_id, planned);
CREATE INDEX notices_state ON notices (state, planned);

-- +goose Down
DROP TABLE notices;
DROP TABLE case_moves;
DROP TABLE cases;
