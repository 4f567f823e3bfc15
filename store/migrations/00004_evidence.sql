-- What stands against contracts, for the purpose infection_notice, and what is known of campaigns from stopped texts: counts and short
-- hashes, no text, no link, no recipient. A contract that ends or opts out takes its row with it.

-- +goose Up
CREATE TABLE standings (
    contract BIGINT PRIMARY KEY,
    updated  BIGINT NOT NULL,
    body     BYTEA NOT NULL
);
CREATE TABLE waves (
    campaign BIGINT PRIMARY KEY,
    updated  BIGINT NOT NULL,
    body     BYTEA NOT NULL
);
CREATE INDEX standings_updated ON standings (updated);
CREATE INDEX waves_updated ON waves (updated);

-- What happened to lines, in order: by reading it again from the front every contract gets the number that it had.
CREATE TABLE contract_events (
    seq   BIGINT PRIMARY KEY,
    at    BIGINT NOT NULL,
    event TEXT NOT NULL,
    name  TEXT NOT NULL, -- the operator's for the contract
    line  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE contract_events;
DROP TABLE waves;
DROP TABLE standings;
