package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	engine "modernc.org/sqlite" // the driver "sqlite"
)

// All that is not the same for both engines is in this file.

type dialect struct {
	goose goose.Dialect
	rows  int    // rows a statement: a round trip is dear to PostgreSQL, a long statement to SQLite
	alive string // how many tables there are, how many of them are ours
}

var (
	sqlite = dialect{goose.DialectSQLite3, 1,
		`SELECT count(*), coalesce(sum(CASE WHEN name = 'packs' THEN 1 ELSE 0 END), 0) FROM sqlite_master WHERE type = 'table'`}
	postgres = dialect{goose.DialectPostgres, 100,
		`SELECT count(*), coalesce(sum(CASE WHEN table_name = 'packs' THEN 1 ELSE 0 END), 0) FROM information_schema.tables
		WHERE table_schema = current_schema()`}
)

// applicationID marks a SQLite file as ours: "SEKI".
const applicationID = 0x53454b49

// notADatabase is SQLITE_NOTADB, what SQLite says of a file of another kind.
const notADatabase = 26

func (s *Store) openSQLite(ctx context.Context, path string) error {
	if path == "" {
		return errors.New("sqlite: without a path")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder, not a database file", path)
	}
	// SQLite would make the file readable for others.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s", filepath.Dir(path))
	} else if err != nil {
		return err
	}
	f.Close()
	s.d = &sqlite
	s.another = func(query string) (*sql.DB, error) {
		dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
			"?_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)&_pragma=cache_size(-32768)" + query
		return sql.Open("sqlite", dsn)
	}
	// Immediate: a transaction that reads first and writes then fails at once where another writes.
	if s.w, err = s.another("&_txlock=immediate"); err != nil {
		return err
	}
	s.w.SetMaxOpenConns(1)
	var id, tables, ours int
	err = s.w.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id)
	if err == nil {
		err = s.w.QueryRowContext(ctx, s.d.alive).Scan(&tables, &ours)
	}
	if bad := (*engine.Error)(nil); errors.As(err, &bad) && bad.Code()&0xff == notADatabase {
		return fmt.Errorf("%s: %w", path, ErrNotOurs)
	} else if err != nil { // a folder that cannot be written, a disk that is full: the file may well be ours
		return fmt.Errorf("%s: %w", path, err)
	}
	if id != applicationID && (id != 0 || tables > 0) {
		return fmt.Errorf("%s: %w", path, ErrNotOurs)
	}
	if id != applicationID {
		if _, err := s.w.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if _, err := s.w.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if s.r, err = s.another("&_pragma=query_only(1)"); err != nil {
		return err
	}
	s.r.SetMaxOpenConns(4)
	return nil
}

func (s *Store) openPostgres(ctx context.Context, dsn string) (err error) {
	s.d = &postgres
	if s.w, err = sql.Open("pgx", dsn); err != nil {
		return errors.New("the address of the PostgreSQL database cannot be read") // the error would print the password
	}
	s.w.SetMaxOpenConns(16)
	s.w.SetMaxIdleConns(8)
	s.r = s.w
	var tables, ours int
	if err := s.w.QueryRowContext(ctx, s.d.alive).Scan(&tables, &ours); err != nil {
		return err
	}
	if tables > 0 && ours == 0 {
		return fmt.Errorf("the schema holds %d tables of somebody else: %w", tables, ErrNotOurs)
	}
	return nil
}

//go:embed migrations/*.sql
var migrations embed.FS

func (s *Store) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithSlog(s.log)}
	if s.d == &postgres {
		// Several nodes may start at once.
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(s.d.goose, s.w, dir, options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if have > want {
		return fmt.Errorf("schema %d, of which this one knows %d: %w", have, want, ErrNewer)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Backup writes a whole copy of a SQLite database while it is used, to a file that must not exist. It holds
// the keys of held texts as they are now: keep no copy longer than the texts may live.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.d != &sqlite {
		return errors.New("back up: PostgreSQL has its own tools: pg_dump, pg_basebackup")
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("back up: %s exists", path)
	}
	// A connection of its own, so that writers do not wait; the readers' may not write, not even another file.
	db, err := s.another("")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return os.Chmod(path, 0o600)
}
