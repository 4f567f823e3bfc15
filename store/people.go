package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
)

// The store keeps the people of the console: it is an auth.People.
var _ auth.People = (*Store)(nil)

// Persons lists all, by name.
func (s *Store) Persons(ctx context.Context) ([]auth.Person, error) {
	all, err := persons(ctx, s.r, "ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	return all, nil
}

// Person is one of them, or auth.ErrNobody.
func (s *Store) Person(ctx context.Context, id string) (auth.Person, error) {
	return s.onePerson(ctx, "WHERE id = $1", id)
}

// PersonByHandle finds whom a passkey means.
func (s *Store) PersonByHandle(ctx context.Context, handle []byte) (auth.Person, error) {
	return s.onePerson(ctx, "WHERE handle = $1", notNil(handle))
}

func (s *Store) onePerson(ctx context.Context, where string, arg any) (auth.Person, error) {
	all, err := persons(ctx, s.r, where, arg)
	if err != nil {
		return auth.Person{}, fmt.Errorf("read people: %w", err)
	}
	if len(all) == 0 {
		return auth.Person{}, auth.ErrNobody
	}
	return all[0], nil
}

func persons(ctx context.Context, db querier, where string, args ...any) (all []auth.Person, err error) {
	err = query(ctx, db, "SELECT id, handle, name, roles, created, disabled FROM people "+where, args, func(rows *sql.Rows) error {
		var p auth.Person
		var roles, created, disabled int64
		if err := rows.Scan(&p.ID, &p.Handle, &p.Name, &roles, &created, &disabled); err != nil {
			return err
		}
		p.Roles, p.Created, p.Disabled = auth.Role(roles), atTime(created), atTime(disabled)
		all = append(all, p)
		return nil
	})
	for i := range all {
		if err == nil {
			err = query(ctx, db, "SELECT id, name, created, used, credential FROM passkeys WHERE person = $1 ORDER BY created, id", []any{all[i].ID}, func(rows *sql.Rows) error {
				var k auth.Passkey
				var created, used int64
				err := rows.Scan(&k.ID, &k.Name, &created, &used, &k.Credential)
				k.Created, k.Used = atTime(created), atTime(used)
				all[i].Passkeys = append(all[i].Passkeys, k)
				return err
			})
		}
	}
	return all, err
}

// PutPerson keeps a person as he is now, with his passkeys, and the entry in the ledger.
func (s *Store) PutPerson(ctx context.Context, p auth.Person, by, act, why string) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO people (id, handle, name, roles, created, disabled) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, roles = excluded.roles, disabled = excluded.disabled`,
			p.ID, notNil(p.Handle), p.Name, int64(p.Roles), p.Created.UnixMicro(), micro(p.Disabled)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM passkeys WHERE person = $1`, p.ID); err != nil {
			return err
		}
		var values []any
		for _, k := range p.Passkeys {
			values = append(values, notNil(k.ID), p.ID, k.Name, k.Created.UnixMicro(), micro(k.Used), notNil(k.Credential))
		}
		if err := s.bulk(ctx, tx, `INSERT INTO passkeys (id, person, name, created, used, credential) VALUES `, 6, "", values); err != nil {
			return err
		}
		if !p.Disabled.IsZero() || len(p.Passkeys) == 0 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE person = $1`, p.ID); err != nil {
				return err
			}
		}
		if err := lastAdministrator(ctx, tx, &p); err != nil {
			return err
		}
		return s.enter(ctx, tx, audit.Entry{Actor: by, Act: act, About: p.ID, Why: why})
	})
}

// lastAdministrator refuses to leave nobody who could let others in, once there was somebody.
func lastAdministrator(ctx context.Context, tx *sql.Tx, changed *auth.Person) error {
	all, err := persons(ctx, tx, "")
	if err != nil {
		return err
	}
	others := false
	for _, p := range all {
		if p.Roles.Any(auth.Administrator) && p.Disabled.IsZero() && len(p.Passkeys) > 0 {
			return nil
		}
		others = others || len(p.Passkeys) > 0
	}
	if !others || changed.Roles.Any(auth.Administrator) && changed.Disabled.IsZero() { // nobody has enrolled yet, or he is to enrol anew
		return nil
	}
	return auth.ErrLast
}

// UsePasskey notes that a passkey was used.
func (s *Store) UsePasskey(ctx context.Context, person string, k auth.Passkey) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE passkeys SET used = $1, credential = $2 WHERE id = $3 AND person = $4`, micro(k.Used), notNil(k.Credential), notNil(k.ID), person)
		return err
	})
}

// PutInvite keeps a link to enrol by; a person has one at most.
func (s *Store) PutInvite(ctx context.Context, i auth.Invite) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM invites WHERE person = $1 OR expires < $2`, i.Person, time.Now().UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO invites (hash, person, expires, who) VALUES ($1, $2, $3, $4)`, notNil(i.Hash), i.Person, i.Expires.UnixMicro(), i.By); err != nil {
			return err
		}
		return s.enter(ctx, tx, audit.Entry{Actor: i.By, Act: "invite", About: i.Person, Why: "a link to enrol a passkey"})
	})
}

// FindInvite finds a link that holds.
func (s *Store) FindInvite(ctx context.Context, hash []byte, now time.Time) (i auth.Invite, err error) {
	var expires int64
	err = s.r.QueryRowContext(ctx, `SELECT hash, person, expires, who FROM invites WHERE hash = $1`, notNil(hash)).Scan(&i.Hash, &i.Person, &expires, &i.By)
	i.Expires = atTime(expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && now.After(i.Expires) {
		return auth.Invite{}, auth.ErrInvite
	}
	if err != nil {
		return i, fmt.Errorf("read invitations: %w", err)
	}
	return i, nil
}

// TakeInvite takes a link away.
func (s *Store) TakeInvite(ctx context.Context, hash []byte, now time.Time) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM invites WHERE hash = $1 AND expires >= $2`, notNil(hash), now.UnixMicro())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, auth.ErrInvite)
		}
		return nil
	})
}

// PutSession keeps a session, and forgets those that nobody used for two days.
func (s *Store) PutSession(ctx context.Context, x auth.Session) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE used < $1`, x.Used.Add(-48*time.Hour).UnixMicro()); err != nil {
			return err
		}
		demo := 0
		if x.Demo {
			demo = 1
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (hash, person, created, used, demo) VALUES ($1, $2, $3, $4, $5)`, notNil(x.Hash), x.Person, x.Created.UnixMicro(), x.Used.UnixMicro(), demo)
		return err
	})
}

// FindSession finds a session, or auth.ErrNobody.
func (s *Store) FindSession(ctx context.Context, hash []byte) (x auth.Session, err error) {
	var created, used, demo int64
	err = s.r.QueryRowContext(ctx, `SELECT hash, person, created, used, demo FROM sessions WHERE hash = $1`, notNil(hash)).Scan(&x.Hash, &x.Person, &created, &used, &demo)
	x.Created, x.Used, x.Demo = atTime(created), atTime(used), demo != 0
	if errors.Is(err, sql.ErrNoRows) {
		return x, auth.ErrNobody
	}
	if err != nil {
		return x, fmt.Errorf("read sessions: %w", err)
	}
	return x, nil
}

// TouchSession notes that a session was used.
func (s *Store) TouchSession(ctx context.Context, hash []byte, when time.Time) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET used = $1 WHERE hash = $2`, when.UnixMicro(), notNil(hash))
		return err
	})
}

// EndSession ends a session.
func (s *Store) EndSession(ctx context.Context, hash []byte) error {
	return s.endSessions(ctx, `DELETE FROM sessions WHERE hash = $1`, notNil(hash))
}

// EndSessions ends all sessions of a person.
func (s *Store) EndSessions(ctx context.Context, person string) error {
	return s.endSessions(ctx, `DELETE FROM sessions WHERE person = $1`, person)
}

func (s *Store) endSessions(ctx context.Context, text string, arg any) error {
	return s.tx(ctx, "people", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, text, arg)
		return err
	})
}
