package api

import (
	"net/url"
	"strings"
)

// Kinds of events. A stream can be asked for all but the first two, which every stream has.
const (
	// EventBegin is the first event of a stream.
	EventBegin = "begin"
	// EventLost tells of events that the reader will not get.
	EventLost = "lost"

	EventChange  = "change"
	EventHealth  = "health"
	EventDrain   = "drain"
	EventClose   = "close"
	EventGateway = "gateway"
)

// EventKinds are the kinds that a stream can be asked for.
func EventKinds() []string {
	return []string{EventChange, EventHealth, EventDrain, EventClose, EventGateway}
}

// An Event is something that happened in one gateway. Its Kind says which of the fields behind Time it has.
type Event struct {
	// ID is what a later stream goes on behind, in the order of what happened. On the wire it is the event's own id, not in
	// its data.
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind"`
	// Time is when it happened: RFC 3339 in UTC, with milliseconds.
	Time string `json:"time"`

	Begin   *Begin        `json:"begin,omitempty"`
	Lost    *Lost         `json:"lost,omitempty"`
	Change  *ConfigChange `json:"change,omitempty"`
	Health  *HealthTurn   `json:"health,omitempty"`
	Drain   *DrainTurn    `json:"drain,omitempty"`
	Close   *CloseTurn    `json:"close,omitempty"`
	Gateway *GatewayTurn  `json:"gateway,omitempty"`
}

// Begin says where a stream begins.
type Begin struct {
	// Revision of the configuration that served then: what is changed later is told.
	Revision uint64 `json:"revision"`
	Version  string `json:"version"` // of the gateway
}

// Why a reader does not get events.
const (
	// LostGone: they are not kept any more. The reader was away for long, or is slower than what happens.
	LostGone = "gone"
	// LostRestart: the reader goes on behind an event of another gateway, or of this one before it was started anew.
	// What the gateway still knows of its own life follows.
	LostRestart = "restart"
)

// Lost says that a reader has to look for itself at what is now.
type Lost struct {
	Reason string `json:"reason"`
	// Events is how many are lost, of all kinds; 0 where nobody knows.
	Events uint64 `json:"events,omitempty"`
}

// Why another configuration serves.
const (
	ChangeApplied = "applied" // it was written here
	ChangeLoaded  = "loaded"  // it was found in the store: at the start, or because somebody else wrote it
	ChangeRetried = "retried" // it is the same, of which more or less can be served than before, as when a port got free
)

// ConfigChange is a configuration that has come to serve.
type ConfigChange struct {
	What string `json:"what"` // applied, loaded or retried
	// After is the revision that served before, Revision the one that serves now. Those between, too, are of this change.
	After    uint64 `json:"after"`
	Revision uint64 `json:"revision"`
	// Objects are by kind and name, MaxEventObjects at most; More is how many others there are. At the start of a gateway
	// there are none.
	Objects []ChangedObject `json:"objects"`
	More    int             `json:"more,omitempty"`
}

// MaxEventObjects is how many objects one event names.
const MaxEventObjects = 200

// What became of an object.
const (
	ObjectCreated  = "created"
	ObjectChanged  = "changed"
	ObjectRenamed  = "renamed" // and perhaps changed
	ObjectDeleted  = "deleted"
	ObjectRetired  = "retired"
	ObjectRevived  = "revived"
	ObjectFollowed = "followed" // it names another object by that one's new name
)

// A ChangedObject is one that is other than before.
type ChangedObject struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	What string `json:"what"` // created, changed, renamed, deleted, retired, revived or followed
	Was  string `json:"was,omitempty"`
}

// What happens to targets.
const (
	HealthTurned   = "turned"   // the verdict of the probes is another one
	HealthEjected  = "ejected"  // requests failed, so that it gets none for a while
	HealthReturned = "returned" // that is over
	HealthResolved = "resolved" // the DNS name of a target has other addresses
)

// HealthTurn is of one target of a pool under one setting, or of a DNS name.
type HealthTurn struct {
	What string `json:"what"` // turned, ejected, returned or resolved
	Pool string `json:"pool"`
	// Setting is missing where a name is resolved: it may be used under several.
	Setting string `json:"setting,omitempty"`
	Target  string `json:"target"` // its key, as in SettingHealth
	Address string `json:"address,omitempty"`
	Port    int    `json:"port,omitempty"`
	// From and To are the verdicts of one that turned, Reason says in words why it is unhealthy.
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Reason string `json:"reason,omitempty"`
	// EndsBy is when what is open on one that turned unhealthy is over, where the setting's on_unhealthy ends it: RFC 3339 in UTC.
	EndsBy string `json:"ends_by,omitempty"`
	// Until is when an ejected target returns: RFC 3339 in UTC.
	Until string `json:"until,omitempty"`
	// Name is a DNS name, Addresses those that it has now, Were those that it had.
	Name      string   `json:"name,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Were      []string `json:"were,omitempty"`
}

// What becomes of something that is gone and of which something was open.
const (
	DrainBegun = "begun"
	DrainOver  = "over" // nothing of it is open any more
	DrainBack  = "back" // it came back, so that what is open goes on
)

// DrainTurn is of one listener, rule or target that a change took away.
type DrainTurn struct {
	What string `json:"what"` // begun, over or back
	// Revision is that of the change.
	Revision uint64 `json:"revision"`
	Drain
}

// CloseTurn is of WebSockets that somebody ends, by PathClose. It has no text of the Closes, which may be meant for the clients
// alone.
type CloseTurn struct {
	TunnelsClosed
	// Selected is the selector as a query, ByIDs how many ids were given. All says that every WebSocket was meant.
	Selected string `json:"selected,omitempty"`
	ByIDs    int    `json:"by_ids,omitempty"`
	All      bool   `json:"all,omitempty"`
	Code     int    `json:"code"`
	// ClosesBy is when the last of the Closes is due: RFC 3339 in UTC, with milliseconds.
	ClosesBy string `json:"closes_by"`
}

// What a gateway does.
const (
	GatewayStarted  = "started"
	GatewayStopping = "stopping"
)

// GatewayTurn is of the gateway's own life.
type GatewayTurn struct {
	What    string `json:"what"` // started or stopping
	Version string `json:"version,omitempty"`
	// Delay is how long a gateway that stops goes on accepting, Timeout when it is gone at the latest.
	Delay   string `json:"delay,omitempty"`
	Timeout string `json:"timeout,omitempty"`
}

// An EventQuery says which events are wanted.
type EventQuery struct {
	// Kinds are of EventKinds; none means all of them.
	Kinds []string
	// After is the id of the last event that is known; empty means from now on.
	After string
}

// Values are the query's parameters.
func (q *EventQuery) Values() url.Values {
	v := url.Values{}
	if len(q.Kinds) > 0 {
		v.Set(ParamKind, strings.Join(q.Kinds, ","))
	}
	if q.After != "" {
		v.Set(ParamLastEventID, q.After)
	}
	return v
}
