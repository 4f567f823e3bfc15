-- Who works in the console, and who is signed in. A passkey's private key never leaves its authenticator; of links and cookies only hashes are here.

-- +goose Up
CREATE TABLE people (
    id       TEXT PRIMARY KEY,
    handle   BYTEA NOT NULL,
    name     TEXT NOT NULL,
    roles    BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    disabled BIGINT NOT NULL -- 0: he may sign in
);
CREATE UNIQUE INDEX people_handle ON people (handle);
CREATE UNIQUE INDEX people_name ON people (name);

CREATE TABLE passkeys (
    id         BYTEA PRIMARY KEY,
    person     TEXT NOT NULL,
    name       TEXT NOT NULL,
    created    BIGINT NOT NULL,
    used       BIGINT NOT NULL,
    credential BYTEA NOT NULL -- JSON: the public key, the counter
);
CREATE INDEX passkeys_person ON passkeys (person);

CREATE TABLE invites (
    hash    BYTEA PRIMARY KEY,
    person  TEXT NOT NULL,
    expires BIGINT NOT NULL,
    who     TEXT NOT NULL
);

CREATE TABLE sessions (
    hash    BYTEA PRIMARY KEY,
    person  TEXT NOT NULL,
    created BIGINT NOT NULL,
    used    BIGINT NOT NULL,
    demo    BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person);

-- +goose Down
DROP TABLE sessions;
DROP TABLE invites;
DROP TABLE passkeys;
DROP TABLE people;
