package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// Setting returns what is kept under a name, or ErrNotFound.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var v []byte
	err := s.r.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read the setting %s: %w", name, err)
	}
	return v, nil
}

// SetSetting keeps a value under a name.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte, at int64) error {
	return s.tx(ctx, "settings", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value, at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at`, name, notNil(value), at)
		return err
	})
}

// AddSetting keeps a value under a name unless it has one, and returns the one that is kept: of two who write at once both
// learn which was first.
func (s *Store) AddSetting(ctx context.Context, name string, value []byte, at int64) (kept []byte, err error) {
	err = s.tx(ctx, "settings", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
			name, notNil(value), at); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&kept)
	})
	return kept, err
}

// Sealed reports whether there is a text that somebody could still want to open: a sealing key that was not destroyed.
func (s *Store) Sealed(ctx context.Context) (bool, error) {
	var n int
	if err := s.r.QueryRowContext(ctx, `SELECT count(*) FROM seal_keys`).Scan(&n); err != nil {
		return false, fmt.Errorf("read the sealing keys: %w", err)
	}
	return n > 0, nil
}

// SealKey and AddSealKey make the Store a record.SealKeys.
func (s *Store) SealKey(ctx context.Context, day int64) ([]byte, error) {
	return sealKey(ctx, s.r, day)
}

func sealKey(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, day int64) (wrapped []byte, err error) {
	err = db.QueryRowContext(ctx, `SELECT wrapped FROM seal_keys WHERE day = $1`, day).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, record.ErrErased
	}
	if err != nil {
		return nil, fmt.Errorf("read a sealing key: %w", err)
	}
	return wrapped, nil
}

// AddSealKey keeps a day's wrapped key unless there is one, and returns the one that is kept.
func (s *Store) AddSealKey(ctx context.Context, day int64, wrapped []byte) (kept []byte, err error) {
	err = s.tx(ctx, "seal key", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO seal_keys (day, wrapped) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING`,
			day, wrapped); err != nil {
			return err
		}
		kept, err = sealKey(ctx, tx, day)
		return err
	})
	return kept, err
}

// EraseSealKeys destroys the keys of all days before day, and with them every text sealed on those. Tell the Sealer to Forget them.
func (s *Store) EraseSealKeys(ctx context.Context, day int64) error {
	return s.tx(ctx, "seal key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM seal_keys WHERE day < $1`, day)
		return err
	})
}

// APIKey is a key that a program uses. The key itself is never kept.
type APIKey struct {
	ID      string
	Name    string
	Hash    []byte
	Scopes  []string
	Created int64
	Revoked int64 // 0: it is not
}

// APIKeys lists all keys, revoked ones too, the oldest first.
func (s *Store) APIKeys(ctx context.Context) ([]APIKey, error) {
	var out []APIKey
	err := query(ctx, s.r, `SELECT id, name, hash, scopes, created, revoked FROM api_keys ORDER BY created, id`, nil, func(rows *sql.Rows) error {
		var k APIKey
		var scopes string
		err := rows.Scan(&k.ID, &k.Name, &k.Hash, &scopes, &k.Created, &k.Revoked)
		k.Scopes = splitLines(scopes)
		out = append(out, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	return out, nil
}

// AddAPIKey keeps a new key.
func (s *Store) AddAPIKey(ctx context.Context, k APIKey) error {
	return s.tx(ctx, "API key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO api_keys (id, name, hash, scopes, created, revoked) VALUES ($1, $2, $3, $4, $5, 0)`,
			k.ID, k.Name, notNil(k.Hash), strings.Join(k.Scopes, "\n"), k.Created)
		return err
	})
}

// RevokeAPIKey revokes a key; one that is revoked keeps its time. ErrNotFound where there is none.
func (s *Store) RevokeAPIKey(ctx context.Context, id string, at int64) error {
	return s.tx(ctx, "API key", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE api_keys SET revoked = CASE WHEN revoked = 0 THEN CAST($1 AS BIGINT) ELSE revoked END WHERE id = $2`, at, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return ErrNotFound
	})
}

// Choice is what a contract chose for a purpose, of one line or of all.
type Choice struct {
	Contract subject.Contract
	Line     subject.Line // 0: the whole contract
	Purpose  string       // by its name
	At       int64
	Choice   string // in, out
	Wording  string // the version of the words that were shown
	Channel  string // web, shop, sms, file...
}

// AddChoices keeps choices; one that is kept already is passed over.
func (s *Store) AddChoices(ctx context.Context, choices ...Choice) error {
	values := make([]any, 0, 7*len(choices))
	for _, c := range choices {
		values = append(values, int64(c.Contract), int64(c.Line), c.Purpose, c.At, c.Choice, c.Wording, c.Channel)
	}
	return s.tx(ctx, "choices", func(tx *sql.Tx) error {
		if err := s.enter(ctx, tx, chosen(choices)...); err != nil {
			return err
		}
		return s.bulk(ctx, tx, `INSERT INTO choices (contract, line, purpose, at, choice, wording, channel) VALUES `,
			7, ` ON CONFLICT (contract, line, purpose, at) DO NOTHING`, values)
	})
}

// chosen are the entries of choices: one for each kind of them, with how many there are. Whose they are stands in their rows alone.
func chosen(choices []Choice) (entries []audit.Entry) {
	at := map[string]int{}
	for _, c := range choices {
		why := c.Choice + ", wording " + c.Wording + ", by " + c.Channel
		i, ok := at[c.Purpose+why]
		if !ok {
			i = len(entries)
			at[c.Purpose+why] = i
			entries = append(entries, audit.Entry{Actor: audit.Sekisho, Act: audit.Choice, Purpose: c.Purpose, Why: why})
		}
		entries[i].Count++
	}
	return entries
}

// Choices yields every choice ever made, by contract, line, purpose and time: of each the last counts. An error ends it.
func (s *Store) Choices(ctx context.Context) iter.Seq2[Choice, error] {
	return func(yield func(Choice, error) bool) {
		stop := errors.New("stop")
		err := query(ctx, s.r, `SELECT contract, line, purpose, at, choice, wording, channel FROM choices ORDER BY contract, line, purpose, at`,
			nil, func(rows *sql.Rows) error {
				var c Choice
				var contract, line int64
				if err := rows.Scan(&contract, &line, &c.Purpose, &c.At, &c.Choice, &c.Wording, &c.Channel); err != nil {
					return err
				}
				c.Contract, c.Line = subject.Contract(contract), subject.Line(line)
				if !yield(c, nil) {
					return stop
				}
				return nil
			})
		if err != nil && err != stop {
			yield(Choice{}, fmt.Errorf("read choices: %w", err))
		}
	}
}
