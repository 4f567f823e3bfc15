package stream

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is a server in this process that nothing outside can reach.
type embedded struct {
	dir  string
	lock io.Closer

	mu     sync.Mutex
	server *server.Server // nil once closed
	mended time.Time
}

func embed(dir string, log *slog.Logger) (*embedded, error) {
	if dir == "" {
		return nil, errors.New("open the stream: neither a folder nor a URL is given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the stream: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if bad := (*fs.PathError)(nil); errors.As(err, &bad) { // it could not even be opened
		return nil, fmt.Errorf("open the stream: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the stream in %s: another process uses it: %w", dir, err)
	}
	e := &embedded{dir: dir, lock: lock}
	if e.server, err = serve(dir, log); err != nil {
		lock.Close()
		return nil, err
	}
	return e, nil
}

func serve(dir string, log *slog.Logger) (*server.Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:         "sekisho",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           dir,
		SyncAlways:         true,    // JetStream would acknowledge two minutes before it syncs
		JetStreamMaxStore:  1 << 50, // the stream has its own limit; a lower one here would refuse a stream made under a higher
		JetStreamMaxMemory: 64 << 20,
		NoSigs:             true,
		NoSystemAccount:    true,
	})
	if err != nil {
		return nil, fmt.Errorf("start the embedded stream: %w", err)
	}
	srv.SetLoggerV2(logger{log}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		srv.Shutdown()
		return nil, errors.New("start the embedded stream: not ready within 30 s")
	}
	return srv, nil
}

// InProcessConn connects to the server as it is now: a client that reconnects finds the mended one.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	srv := e.server
	e.mu.Unlock()
	if srv == nil {
		return nil, errors.New("the stream is closed")
	}
	return srv.InProcessConn()
}

// mend starts the server anew where the disk can be written again: JetStream takes nothing more after one write
// failed, on a full disk, until it is started again.
func (e *embedded) mend(log *slog.Logger) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil || time.Since(e.mended) < 10*time.Second {
		return nil
	}
	e.mended = time.Now()
	if err := writable(e.dir); err != nil {
		return fmt.Errorf("the disk of the stream cannot be written: %w", err)
	}
	log.Warn("the embedded stream does not take records though the disk can be written; it is started anew")
	e.server.Shutdown()
	e.server.WaitForShutdown()
	srv, err := serve(e.dir, log)
	if err != nil {
		return err // the old one stays, closed; next time another is started
	}
	e.server = srv
	return nil
}

// writable tries whether the disk takes a few packs.
func writable(dir string) error {
	path := filepath.Join(dir, "try")
	defer os.Remove(path)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 8*maxPack))
	return errors.Join(err, f.Sync(), f.Close())
}

func (e *embedded) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
		e.server = nil
		e.lock.Close()
	}
}

// logger hands the server's log to ours. What it writes are its own affairs; it never sees what is in a pack.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(f string, v ...any) { l.log.Debug("stream: " + fmt.Sprintf(f, v...)) }
func (l logger) Debugf(string, ...any)      {}
func (l logger) Tracef(string, ...any)      {}
func (l logger) Warnf(f string, v ...any)   { l.log.Warn("stream: " + fmt.Sprintf(f, v...)) }
func (l logger) Errorf(f string, v ...any)  { l.log.Error("stream: " + fmt.Sprintf(f, v...)) }
func (l logger) Fatalf(f string, v ...any)  { l.log.Error("stream: " + fmt.Sprintf(f, v...)) }
