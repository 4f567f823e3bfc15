-- The ledger: who did what, to what and why. Package audit writes it and proves it; rows are never changed and never expire. It names people who act
-- and pseudonyms or ids of cases, no number and no text.

-- +goose Up
CREATE TABLE ledger (
    seq   BIGINT PRIMARY KEY, -- from 0, without a gap
    entry BYTEA NOT NULL      -- as package audit encodes it: what is hashed
);

-- The Merkle tree over the entries (RFC 9162), numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE ledger_hashes (
    idx  BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL
);

CREATE TABLE ledger_checkpoints (
    size BIGINT PRIMARY KEY,
    note BYTEA NOT NULL, -- signed
    at   BIGINT NOT NULL
);

-- One row, which all who append wait for each other at.
CREATE TABLE ledger_head (
    one  BIGINT PRIMARY KEY,
    size BIGINT NOT NULL -- the number of the next entry
);
INSERT INTO ledger_head (one, size) VALUES (1, 0);

-- +goose Down
DROP TABLE ledger_head;
DROP TABLE ledger_checkpoints;
DROP TABLE ledger_hashes;
DROP TABLE ledger;
