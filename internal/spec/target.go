package spec

// A Target is one member of a pool as an object of its own, for a machine or a team that enrols itself. It counts beside
// the targets that stand in the pool itself, and leaves the pool's ETag alone.
type Target struct {
	Name    string `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the target, unique among gatewayd_target. A new name renames it in place."`
	Pool    string `json:"pool" tfsdk:"pool" spec:"required,ref=pool" doc:"Name of the pool that the target is a member of."`
	Address string `json:"address" tfsdk:"address" spec:"required,is=target_address" doc:"IP address of the target; or a DNS name, each of whose addresses is a target, resolved anew by its TTL; or \"unix:\" and the absolute path of a socket. Link-local, multicast and unspecified addresses are never taken from DNS."`
	Port    *int   `json:"port" tfsdk:"port" spec:"1..65535" doc:"TCP port of the target. Null means the port of the setting that the rule names. A Unix socket has none."`
	Weight  int    `json:"weight" tfsdk:"weight" spec:"0..1000" doc:"Share of new requests and WebSockets relative to the other members. 0 means none."`
}

// Key is the target's name.
func (t *Target) Key() string { return t.Name }

func (t *Target) defaults() { t.Weight = 1 }

func (t *Target) check(ps *Problems) { checkPort(ps, "", t.Address, t.Port) }
