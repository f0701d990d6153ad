package api

// States of a target.
const (
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Unknown   = "unknown"
)

// Health is what is known of every target, by pool and by the setting that is used with it. Targets of a pool that no
// rule uses are not probed and not listed.
type Health struct {
	Pools map[string]PoolHealth `json:"pools" tfsdk:"pools"`
}

// PoolHealth is a pool's.
type PoolHealth struct {
	// Settings are by name: health belongs to a target and a setting, since the setting names the probe.
	Settings map[string]SettingHealth `json:"settings" tfsdk:"settings"`
	// Names are what is known of the targets whose address is a DNS name, by the key of the target.
	Names map[string]NameHealth `json:"names" tfsdk:"names"`
	// Draining are what gets nothing new and still has something open: targets that were removed, addresses that left the
	// answer to a DNS name, and what no rule uses any more.
	Draining []DrainingTarget `json:"draining" tfsdk:"draining"`
}

// SettingHealth is that of a pool's targets under one setting, by the key of the target: its key in the pool, or
// "target/" and the name of a gatewayd_target. Each address of a DNS name has a row of its own: the key of the target,
// "@" and the address.
type SettingHealth struct {
	Targets map[string]TargetHealth `json:"targets" tfsdk:"targets"`
}

// NameHealth is what is known of a DNS name.
type NameHealth struct {
	Name string `json:"name" tfsdk:"name"`
	// Addresses are the last good ones.
	Addresses []string `json:"addresses" tfsdk:"addresses"`
	// Reason says in words why the last look-up failed; empty after a success.
	Reason string `json:"reason" tfsdk:"reason"`
	// Since is when the addresses last changed, Next when they are looked up again: RFC 3339 in UTC, empty for never.
	Since string `json:"since" tfsdk:"since"`
	Next  string `json:"next" tfsdk:"next"`
}

// A DrainingTarget is on its way out.
type DrainingTarget struct {
	// Target is the key that it had, as in SettingHealth.
	Target  string `json:"target" tfsdk:"target"`
	Address string `json:"address" tfsdk:"address"`
	Port    int    `json:"port" tfsdk:"port"`
	// Open is how many requests and tunnels are left.
	Open int64 `json:"open" tfsdk:"open"`
	// Deadline is when the last of them ends at the latest, RFC 3339 in UTC; empty where nothing ends it, as for an
	// address that left a DNS answer.
	Deadline string `json:"deadline" tfsdk:"deadline"`
	// Reason says in words why nothing new comes to it.
	Reason string `json:"reason" tfsdk:"reason"`
}

// TargetHealth is that of one target under one setting.
type TargetHealth struct {
	// Address is an IP address, or "unix:" and a path, with Port 0.
	Address string `json:"address" tfsdk:"address"`
	Port    int    `json:"port" tfsdk:"port"`
	// State is healthy, unhealthy or unknown: the verdict of the probes.
	State string `json:"state" tfsdk:"state"`
	// Reason says in words why the last probe failed; empty after a success.
	Reason string `json:"reason" tfsdk:"reason"`
	// Ejected is until when the target is out because requests to it failed: RFC 3339 in UTC, empty where it is not.
	Ejected string `json:"ejected" tfsdk:"ejected"`
	// Since is when the state began, LastProbe when the last probe ended: RFC 3339 in UTC, empty for never.
	Since     string `json:"since" tfsdk:"since"`
	LastProbe string `json:"last_probe" tfsdk:"last_probe"`
	// Successes and Failures are counts of probes in a row; one of them is 0.
	Successes int `json:"successes" tfsdk:"successes"`
	Failures  int `json:"failures" tfsdk:"failures"`
	// Open is how many requests and tunnels are in flight to the target, under all settings.
	Open int64 `json:"open" tfsdk:"open"`
	// Results are the last probes, the oldest first, at most 50; only where one pool is asked for.
	Results []ProbeResult `json:"results,omitempty" tfsdk:"-"`
}

// A ProbeResult is what one probe came to.
type ProbeResult struct {
	At string `json:"at"` // RFC 3339 in UTC, with milliseconds: when it ended
	// Milliseconds is how long it took.
	Milliseconds float64 `json:"milliseconds"`
	OK           bool    `json:"ok"`
	Reason       string  `json:"reason,omitempty"`
}

// Drains is what the change of one revision ended, and how far that is.
type Drains struct {
	Revision uint64 `json:"revision"`
	// Open is how many requests and tunnels are left, of all.
	Open int64 `json:"open"`
	// Drains are by kind and name. What came back meanwhile is not listed any more.
	Drains []Drain `json:"drains"`
}

// A Drain is one thing that is gone and those who may use it a while longer.
type Drain struct {
	// Kind is listener, rule or target; Name is its name, for a target its key as in SettingHealth.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Pool, Address and Port are those of a target.
	Pool    string `json:"pool,omitempty"`
	Address string `json:"address,omitempty"`
	Port    int    `json:"port,omitempty"`
	Open    int64  `json:"open"`
	// Deadline is when the last one ends at the latest, RFC 3339 in UTC.
	Deadline string `json:"deadline"`
}

// Status is the gateway as a whole.
type Status struct {
	Version string `json:"version" tfsdk:"version"`
	// Revision is that of the configuration.
	Revision uint64 `json:"revision" tfsdk:"revision"`
	// Started is when the gateway that answers began to run: RFC 3339 in UTC.
	Started  string   `json:"started" tfsdk:"started"`
	Nodes    []Node   `json:"nodes" tfsdk:"nodes"`
	Activity Activity `json:"activity" tfsdk:"activity"`
	// Objects counts the objects that are not retired, by collection.
	Objects map[string]int `json:"objects" tfsdk:"objects"`
	// Conditions are objects that are not served as they are written: a listener whose port is taken, one of two rules
	// that tie, a rule that another one shadows.
	Conditions []Condition `json:"conditions" tfsdk:"conditions"`
	// Retired are deleted objects that still serve those that name them.
	Retired []Retired `json:"retired" tfsdk:"retired"`
}

// A Node is one gatewayd of those that share a configuration.
type Node struct {
	Name     string `json:"name" tfsdk:"name"`
	Version  string `json:"version" tfsdk:"version"`
	Revision uint64 `json:"revision" tfsdk:"revision"`
	Started  string `json:"started" tfsdk:"started"`
}

// Activity is what the data path of the gateway that answers is doing.
type Activity struct {
	// Loops is the number of event loops.
	Loops int `json:"loops" tfsdk:"loops"`
	// Connections are those of clients, Requests and Tunnels what is in flight on them.
	Connections int64 `json:"connections" tfsdk:"connections"`
	Requests    int64 `json:"requests" tfsdk:"requests"`
	Tunnels     int64 `json:"tunnels" tfsdk:"tunnels"`
}

// A Condition is something to know about one object.
type Condition struct {
	Kind    string `json:"kind" tfsdk:"kind"`
	Name    string `json:"name" tfsdk:"name"`
	Path    string `json:"path" tfsdk:"path"`
	Message string `json:"message" tfsdk:"message"`
}

// Retired is a deleted object and who holds it.
type Retired struct {
	Kind    string   `json:"kind" tfsdk:"kind"`
	Name    string   `json:"name" tfsdk:"name"`
	ID      string   `json:"id" tfsdk:"id"`
	Holders []Holder `json:"holders" tfsdk:"holders"`
}
