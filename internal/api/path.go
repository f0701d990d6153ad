package api

import (
	"net/url"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Paths of the admin API. A collection's is Base + "/" + Kind.Collection.
const (
	Base        = "/v1"
	PathChanges = Base + "/changes"
	PathConfig  = Base + "/config"
	PathHealth  = Base + "/health"
	PathDrains  = Base + "/drains" // and "/" and a revision
	PathTunnels = Base + "/tunnels"
	PathEvents  = Base + "/events"
	PathClose   = PathTunnels + "/close"
	PathStatus  = Base + "/status"
	PathExplain = Base + "/explain"
	PathLive    = "/livez"
	PathReady   = "/readyz"
	PathOpenAPI = "/openapi.json"
	PathMetrics = "/metrics"
)

// Query parameters.
const (
	// ParamID finds an object by its hidden id in a read, whatever its name is by now; in a write the id must match.
	ParamID = "id"
	// ParamDryRun ("true") answers what a write would do, and does not do it.
	ParamDryRun = "dry_run"
	// ParamRetired ("true") turns to the objects that were deleted and still serve those that name them.
	ParamRetired = "retired"
	// ParamPool restricts the health to one pool, by name, and adds the last results of each target.
	ParamPool = "pool"
	// ParamKind restricts events to some kinds, parted by commas; ParamLastEventID stands in place of the header Last-Event-ID.
	ParamKind        = "kind"
	ParamLastEventID = "last_event_id"
	// ParamURL, ParamMethod, ParamHeaders (a line each), ParamClient and ParamAtListener are a Question.
	ParamURL        = "url"
	ParamMethod     = "method"
	ParamHeaders    = "headers"
	ParamClient     = "client"
	ParamAtListener = "at_listener"
	// These are a TunnelSelector, with ParamPool and ParamClient. ParamSort is the order of the list.
	ParamListener  = "listener"
	ParamRule      = "rule"
	ParamTarget    = "target"
	ParamIdleFor   = "idle_for"
	ParamOlderThan = "older_than"
	ParamDraining  = "draining"
	ParamSort      = "sort"
	// ParamLimit is the size of a page, 1 to MaxPage.
	ParamLimit = "limit"
	// ParamNext is the token that the page before gave.
	ParamNext = "next"
)

// Header names in canonical form.
const (
	// HeaderID is the hidden id of the object in the answer.
	HeaderID = "Gatewayd-Id"
	// HeaderRevision is the revision of the whole configuration, unlike ETag, which is the object's own.
	HeaderRevision = "Gatewayd-Revision"
	// HeaderVersion is the version of gatewayd; it is in every answer.
	HeaderVersion = "Gatewayd-Version"
	// HeaderWarning is one warning, a JSON object with path and message; there may be several.
	HeaderWarning = "Gatewayd-Warning"
	// HeaderRetired ("true") marks the answer to a read of a retired object.
	HeaderRetired = "Gatewayd-Retired"
	// HeaderOutcome says what a write did: created, updated, unchanged, deleted, retired, revived.
	HeaderOutcome = "Gatewayd-Outcome"
	// HeaderIdempotencyKey makes a repeated write get the first answer again: 1 to 128 visible ASCII characters.
	HeaderIdempotencyKey = "Idempotency-Key"
	// HeaderLastEventID is the id behind which a stream of events goes on.
	HeaderLastEventID = "Last-Event-Id"
)

// Media types.
const (
	MediaJSON    = "application/json"
	MediaProblem = "application/problem+json"
	MediaEvents  = "text/event-stream"
)

// Limits.
const (
	// MaxBody is the largest body of a request, MaxConfig that of a whole configuration, in bytes.
	MaxBody   = 4 << 20
	MaxConfig = 32 << 20
	// MaxChanges is how many changes one POST makes at most, MaxObjects how many objects a whole configuration has that is
	// put at once.
	MaxChanges = 10_000
	MaxObjects = 100_000
	// MaxPage is the largest page of a list, DefaultPage the one where none is asked for, in objects.
	MaxPage     = 1000
	DefaultPage = 200
	// MaxKey is the longest idempotency key, in bytes.
	MaxKey = 128
)

// CollectionPath is the path of a kind's objects.
func CollectionPath(kind *spec.Kind) string { return Base + "/" + kind.Collection }

// ObjectPath is the escaped path of one object.
func ObjectPath(kind *spec.Kind, name string) string {
	return CollectionPath(kind) + "/" + url.PathEscape(name)
}

// ValidKey says whether a string may be an idempotency key: 1 to 128 visible ASCII characters.
func ValidKey(key string) bool {
	if len(key) < 1 || len(key) > MaxKey {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}
