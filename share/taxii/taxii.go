// Package taxii gives indicators to others and takes theirs by TAXII 2.1 (OASIS Standard, 10 June 2021): a server as an http.Handler over a
// Backend, a Backend in memory, and a client.
//
// A collection is a list of STIX objects in the order in which they were added. Whoever has read it up to some time asks for what was added
// since. An API root is a group of collections under one address.
package taxii

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

// MediaType is that of all TAXII 2.1 requests and responses (§1.6.8.1).
const MediaType = "application/taxii+json;version=2.1"

// NoVersion is the version of an object that has none, as a url: the same for all, so that such an object is there once (§3.4.1).
const NoVersion = "1970-01-01T00:00:00.000Z"

// Caller is who asks, as Auth found. Its zero value is nobody known.
type Caller struct{ Name string }

// Auth says who asks. Its errors are ErrUnauthenticated, which becomes 401, ErrForbidden, 403, and others, 500.
type Auth func(*http.Request) (Caller, error)

// Why a Backend or an Auth refuses.
var (
	ErrUnauthenticated = errors.New("not authenticated")
	ErrForbidden       = errors.New("not allowed")
	ErrNotFound        = errors.New("not found")
)

// Backend keeps the collections of one API root. It answers for what a caller may see: the server asks Collections before anything else and
// asks nothing of a collection that the caller may not read or write. All methods may be called at once.
type Backend interface {
	// Collections are those that the caller may know of, with what he may do, in the same order every time (§3.3).
	Collections(ctx context.Context, c Caller) ([]Collection, error)
	// Page is what was added to a collection behind q.After and behind q.From, oldest first, no more than q.Limit of it. The times at which
	// records were added rise strictly, in microseconds: clients go on from a page by the time of its last record.
	Page(ctx context.Context, c Caller, collection string, q Query) (Page, error)
	// Add takes objects, all or some, and says in the status what became of each. What is there already counts as taken (§5.5).
	Add(ctx context.Context, c Caller, collection string, s Submission) (Status, error)
	// Delete removes an object's records that q asks for and counts them. No version at all means every one.
	Delete(ctx context.Context, c Caller, collection string, q Query) (int, error)
	// Status is that of an earlier submission of the caller, or ErrNotFound.
	Status(ctx context.Context, c Caller, id string) (Status, error)
}

// Query says which records are asked for (§3.4). Its conditions hold together.
type Query struct {
	After    time.Time // added after this; zero for the beginning
	From     Cursor    // behind this record; zero for the beginning
	Limit    int       // at least 1
	Octets   int       // of all objects together, but one at least; 0 for no bound
	IDs      []string  // any of them; none for all
	Types    []string
	Specs    []string // STIX versions; none for the latest of each object
	Versions Versions
}

// Versions says which versions of an object are asked for. Its zero value is the last.
type Versions struct {
	First, Last, All bool
	At               []time.Time
}

// IsZero reports whether nothing was said.
func (v Versions) IsZero() bool { return !v.First && !v.Last && !v.All && len(v.At) == 0 }

// Cursor is the place of a record in its collection: when it was added, and its number.
type Cursor struct {
	Added time.Time
	Seq   uint64
}

// String is the cursor as the next parameter has it.
func (c Cursor) String() string {
	return strconv.FormatInt(c.Added.UnixMicro(), 36) + "-" + strconv.FormatUint(c.Seq, 36)
}

var errNext = errors.New("next: not a value that this server gave")

// ParseCursor reads what String wrote.
func ParseCursor(s string) (Cursor, error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok || len(s) > 32 || strings.ContainsAny(s, "+_") {
		return Cursor{}, errNext
	}
	added, err1 := strconv.ParseInt(a, 36, 64)
	seq, err2 := strconv.ParseUint(b, 36, 64)
	if err1 != nil || err2 != nil || added < 0 || added > 253402300799999999 { // the end of 9999
		return Cursor{}, errNext
	}
	return Cursor{time.UnixMicro(added).UTC(), seq}, nil
}

// Record is one version of an object in a collection.
type Record struct {
	ID      string
	Version string // as the object writes it; NoVersion where it has none
	Spec    string // of STIX: 2.0 or 2.1
	Added   time.Time
	Object  []byte // JSON without white space; it must not be changed
}

// Page is a part of a collection.
type Page struct {
	Records []Record
	More    bool   // more may follow
	Next    Cursor // where it goes on, if More
}

// Submission is what a client adds.
type Submission struct {
	At      time.Time
	Objects []stix.Object
	Refused []Detail // what was refused before, to be told in the status
}

// Discovery is what a server says of itself (§4.1.1).
type Discovery struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Contact     string   `json:"contact,omitempty"`
	Default     string   `json:"default,omitempty"`
	Roots       []string `json:"api_roots,omitempty"`
}

// RootInfo is what an API root says of itself (§4.2.1).
type RootInfo struct {
	Title            string   `json:"title"`
	Description      string   `json:"description,omitempty"`
	Versions         []string `json:"versions"`
	MaxContentLength int64    `json:"max_content_length"`
}

// Collection is what is said of a collection (§5.2.1).
type Collection struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types,omitempty"`
}

type collections struct {
	Collections []Collection `json:"collections,omitempty"`
}

// Status is what became of a submission (§4.3.1).
type Status struct {
	ID        string   `json:"id"`
	Status    string   `json:"status"` // Complete or Pending
	Requested string   `json:"request_timestamp,omitempty"`
	Total     int      `json:"total_count"`
	Success   int      `json:"success_count"`
	Successes []Detail `json:"successes,omitempty"`
	Failure   int      `json:"failure_count"`
	Failures  []Detail `json:"failures,omitempty"`
	Pending   int      `json:"pending_count"`
	Pendings  []Detail `json:"pendings,omitempty"`
}

// The values of Status.Status.
const (
	Complete = "complete"
	Pending  = "pending"
)

// MaxDetails is how many objects of each kind a status names; it counts all of them.
const MaxDetails = 1000

// Detail is what became of one object (§4.3.1, status-details).
type Detail struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Message string `json:"message,omitempty"`
}

// ManifestRecord is what a manifest says of a record (§5.3.1).
type ManifestRecord struct {
	ID        string `json:"id"`
	Added     string `json:"date_added"`
	Version   string `json:"version"`
	MediaType string `json:"media_type,omitempty"`
}

type manifest struct {
	More    bool             `json:"more,omitempty"`
	Objects []ManifestRecord `json:"objects,omitempty"`
}

type versions struct {
	More     bool     `json:"more,omitempty"`
	Versions []string `json:"versions,omitempty"`
}

// Failure is the error message of TAXII (§3.6.1).
type Failure struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	ErrorID     string `json:"error_id,omitempty"`
	HTTPStatus  string `json:"http_status,omitempty"`
}

// Headers of a page (§3.2).
const (
	headerFirst = "X-TAXII-Date-Added-First"
	headerLast  = "X-TAXII-Date-Added-Last"
)

// FormatTime writes a timestamp as TAXII has it, with microseconds (§2).
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// mediaTypeOf is the media type of objects of a STIX version.
func mediaTypeOf(spec string) string { return "application/stix+json;version=" + spec }
