package httpdoor

import (
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/settings"
)

// Config is the door's part of the configuration. Zero values stand for the defaults named behind them.
type Config struct {
	Rate      float64           `toml:"rate"`       // messages a second that a client may ask about; 0: no limit
	Burst     int               `toml:"burst"`      // of them at once; 0: what a tenth of a second allows, 1 at least
	Route     message.Route     `toml:"route"`      // of messages that name none; a2p
	Read      settings.Duration `toml:"read"`       // how long a body, or the next line of a stream, may take; 1m
	Write     settings.Duration `toml:"write"`      // how long a client may take to read what is written to it at once; 30s
	StreamFor settings.Duration `toml:"stream_for"` // how long a stream may last; 1h
	Streams   int               `toml:"streams"`    // at once, of all clients together; 64
	Clients   []Client          `toml:"client"`     // what is otherwise for one client
}

// Client is what a client may do. It is known by the name on its API keys, which is its account in records: two
// keys of one name, as there are while one replaces the other, share what it may.
type Client struct {
	Name    string        `toml:"name"`
	Rate    float64       `toml:"rate"`    // 0: as for all
	Burst   int           `toml:"burst"`   // 0: as for all
	Route   message.Route `toml:"route"`   // none: as for all
	Mode    message.Mode  `toml:"mode"`    // observe, label, enforce; none: as the policy says
	Streams int           `toml:"streams"` // at once; 0: 8
}

const (
	defaultStreams       = 64
	defaultClientStreams = 8
)

// Default is what stands in for zero values.
func Default() Config {
	return Config{Route: message.A2P, Read: settings.Duration{Duration: time.Minute}, Write: settings.Duration{Duration: 30 * time.Second},
		StreamFor: settings.Duration{Duration: time.Hour}, Streams: defaultStreams}
}

// Check says what is wrong with a configuration.
func (c Config) Check() error { return c.prepare() }

// prepare fills in defaults and refuses what cannot be meant.
func (c *Config) prepare() error {
	std := Default()
	if c.Route == message.RouteUnset {
		c.Route = std.Route
	}
	for d, v := range map[*settings.Duration]settings.Duration{&c.Read: std.Read, &c.Write: std.Write, &c.StreamFor: std.StreamFor} {
		if d.Duration == 0 {
			*d = v
		}
		if d.Duration < 0 {
			return errors.New("http: read, write and stream_for are durations above 0")
		}
	}
	if c.Streams == 0 {
		c.Streams = std.Streams
	}
	if c.Streams < 0 {
		return errors.New("http.streams: the number of streams at once is above 0")
	}
	if !goodRate(c.Rate, c.Burst) {
		return errors.New("http: rate and burst are 0 or above")
	}
	clients := make([]Client, len(c.Clients)) // the caller's own list stays as it is
	seen := make(map[string]bool, len(c.Clients))
	for i, k := range c.Clients {
		switch {
		case k.Name == "":
			return fmt.Errorf("http.client %d: it needs the name that stands on its API keys", i+1)
		case seen[k.Name]:
			return fmt.Errorf("http.client %q: there are two of this name", k.Name)
		case !goodRate(k.Rate, k.Burst) || k.Streams < 0:
			return fmt.Errorf("http.client %q: rate, burst and streams are 0 or above", k.Name)
		}
		seen[k.Name] = true
		clients[i] = c.fill(k)
	}
	c.Clients = clients
	return nil
}

func goodRate(perSecond float64, burst int) bool {
	return perSecond >= 0 && perSecond <= 1e9 && burst >= 0
}

// fill puts what is for all clients where k says nothing.
func (c *Config) fill(k Client) Client {
	if k.Rate == 0 {
		k.Rate = c.Rate
	}
	if k.Burst == 0 {
		k.Burst = c.Burst
	}
	if k.Burst == 0 {
		k.Burst = max(1, int(k.Rate/10))
	}
	if k.Route == message.RouteUnset {
		k.Route = c.Route
	}
	if k.Streams == 0 {
		k.Streams = defaultClientStreams
	}
	return k
}

// client is what a client of this name may do.
func (c *Config) client(name string) Client {
	for _, k := range c.Clients {
		if k.Name == name {
			return k
		}
	}
	return c.fill(Client{Name: name})
}
