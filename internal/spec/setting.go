package spec

// A Setting says how the gateway talks to the targets of a pool.
type Setting struct {
	Name              string    `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the setting, unique among settings. A new name renames it in place."`
	Port              *int      `json:"port" tfsdk:"port" spec:"1..65535" doc:"TCP port of targets that name none themselves. Null means 80."`
	Probe             *string   `json:"probe" tfsdk:"probe" spec:"ref=probe" doc:"Name of the probe that finds out the targets' health. Null means the default probe: GET / every 30s, healthy by a status from 200 to 399."`
	ConnectTimeout    Duration  `json:"connect_timeout" tfsdk:"connect_timeout" spec:"10ms..10m" doc:"How long connecting to a target may take."`
	RequestTimeout    Duration  `json:"request_timeout" tfsdk:"request_timeout" spec:"1s..24h" doc:"How long a target may take from the last byte of a request to the head of its answer; uploading restarts it. Reached: 504. It does not act on an open WebSocket."`
	StreamIdleTimeout Duration  `json:"stream_idle_timeout" tfsdk:"stream_idle_timeout" spec:"0s..24h" doc:"How long a body may stand still between two bytes. 0s means without limit. It does not act on an open WebSocket."`
	DrainTimeout      Duration  `json:"drain_timeout" tfsdk:"drain_timeout" spec:"0s..1h" doc:"How long open requests and WebSockets may go on after their target, pool or rule was removed."`
	Retries           int       `json:"retries" tfsdk:"retries" spec:"0..10" doc:"How many other targets are tried when one fails, for requests that are safe to repeat or that never reached a target."`
	Host              *string   `json:"host" tfsdk:"host" spec:"is=authority" doc:"Host header of requests to targets. Null means the client's, or what host_from_target says."`
	HostFromTarget    bool      `json:"host_from_target" tfsdk:"host_from_target" doc:"Send the target's address as the Host header."`
	KeepAlive         KeepAlive `json:"keep_alive" tfsdk:"keep_alive" doc:"Connections to targets that are kept open between requests."`
}

// A KeepAlive bounds the idle connections to a target.
type KeepAlive struct {
	IdleTimeout Duration `json:"idle_timeout" tfsdk:"idle_timeout" spec:"0s..1h" doc:"How long a connection to a target is kept without a request. Keep it below the target's own limit. 0s means not at all."`
	MaxIdle     int      `json:"max_idle" tfsdk:"max_idle" spec:"0..10000" doc:"How many idle connections to one target are kept. 0 means none."`
}

func (k *KeepAlive) defaults() {
	k.IdleTimeout = "4s"
	k.MaxIdle = 64
}

// Key is the setting's name.
func (s *Setting) Key() string { return s.Name }

func (s *Setting) defaults() {
	s.ConnectTimeout = "5s"
	s.RequestTimeout = "20s"
	s.StreamIdleTimeout = "5m"
	s.DrainTimeout = "30s"
	s.Retries = 1
}

func (s *Setting) check(ps *Problems) {
	if s.Host != nil && s.HostFromTarget {
		ps.AddNeeding("host", []string{"host_from_target"}, "cannot be given together with host_from_target = true; keep one of the two")
	}
}

// EffectivePort is the port of targets that name none.
func (s *Setting) EffectivePort() int {
	if s.Port != nil {
		return *s.Port
	}
	return 80
}
