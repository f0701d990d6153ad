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

// PoolHealth is a pool's, by the name of the setting: health belongs to a target and a setting, since the setting
// names the probe.
type PoolHealth struct {
	Settings map[string]SettingHealth `json:"settings" tfsdk:"settings"`
}

// SettingHealth is that of a pool's targets under one setting, by the key of the target.
type SettingHealth struct {
	Targets map[string]TargetHealth `json:"targets" tfsdk:"targets"`
}

// TargetHealth is that of one target under one setting.
type TargetHealth struct {
	Address string `json:"address" tfsdk:"address"`
	Port    int    `json:"port" tfsdk:"port"`
	// State is healthy, unhealthy or unknown.
	State string `json:"state" tfsdk:"state"`
	// Reason says in words why the last probe failed; empty after a success.
	Reason string `json:"reason" tfsdk:"reason"`
	// Since is when the state began, LastProbe when the last probe ended: RFC 3339 in UTC, empty for never.
	Since     string `json:"since" tfsdk:"since"`
	LastProbe string `json:"last_probe" tfsdk:"last_probe"`
	// Successes and Failures are counts of probes in a row; one of them is 0.
	Successes int `json:"successes" tfsdk:"successes"`
	Failures  int `json:"failures" tfsdk:"failures"`
	// Open is how many requests and tunnels are in flight to the target, under all settings.
	Open int64 `json:"open" tfsdk:"open"`
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
