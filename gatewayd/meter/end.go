package meter

// An End says who or what ended a tunnel.
type End uint8

// The ends. The client and the backend end a tunnel by a Close, by ending their connection or by losing it.
const (
	ByClient End = iota
	ByBackend
	ByChange    // its listener or rule was removed
	ByDrain     // its target was removed
	ByUnhealthy // its target turned unhealthy, and the setting says that this ends tunnels
	ByIdle      // nothing passed for the idle_timeout of its setting
	ByLimit     // it reached another limit of its setting, or one of its peers takes nothing
	ByRestart   // the gateway stops
	ByFailure   // the gateway failed
	ByAdmin     // somebody asked for it at the admin API
	endEnd
)

// Ends is the length of an array indexed by [End].
const Ends = int(endEnd)

var ends = [Ends]string{"client", "backend", "change", "drain", "unhealthy", "idle", "limit", "restart", "failure", "admin"}

// String is the word that metrics and logs use.
func (e End) String() string { return ends[e] }
