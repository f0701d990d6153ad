package spec

// A Probe is an HTTP GET that finds out whether a target is healthy.
type Probe struct {
	Name               string     `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the probe, unique among probes. A new name renames it in place."`
	Host               *string    `json:"host" tfsdk:"host" spec:"is=authority" doc:"Host header of the probe's requests. Null means 127.0.0.1, or what host_from_setting says."`
	HostFromSetting    bool       `json:"host_from_setting" tfsdk:"host_from_setting" doc:"Take the Host header from the setting that uses the probe: its host, or the target's address where host_from_target is set."`
	Protocol           *string    `json:"protocol" tfsdk:"protocol" spec:"one_of=http|https" doc:"Whether probes go in plain HTTP or over TLS. Over TLS the setting's tls holds for them, too; the name that a target proves is the probe's host, where it has one. Null means the protocol of the setting that uses the probe."`
	Path               string     `json:"path" tfsdk:"path" spec:"is=request_path,1..2048" doc:"Path and query of the probe's requests."`
	Port               *int       `json:"port" tfsdk:"port" spec:"1..65535" doc:"TCP port to probe. Null means the port that requests go to."`
	Interval           Duration   `json:"interval" tfsdk:"interval" spec:"100ms..24h" doc:"Time from one probe of a target to the next."`
	Timeout            Duration   `json:"timeout" tfsdk:"timeout" spec:"10ms..24h" doc:"How long a probe may take before it counts as failed."`
	UnhealthyThreshold int        `json:"unhealthy_threshold" tfsdk:"unhealthy_threshold" spec:"1..20" doc:"How many probes must fail in a row before a target leaves its pool."`
	HealthyThreshold   int        `json:"healthy_threshold" tfsdk:"healthy_threshold" spec:"1..20" doc:"How many probes must succeed in a row before a target that left its pool returns."`
	Match              ProbeMatch `json:"match" tfsdk:"match" doc:"What a healthy answer looks like."`
}

// A ProbeMatch says which answers are healthy.
type ProbeMatch struct {
	Statuses []string `json:"statuses" tfsdk:"statuses" spec:"1..20,is=statuses" doc:"Status codes of healthy answers: single ones (\"200\") and ranges (\"200-399\")."`
	Body     *string  `json:"body" tfsdk:"body" spec:"1..4090" doc:"Text that the body of a healthy answer contains. Only the first 64 KiB are looked at."`
}

func (m *ProbeMatch) defaults() { m.Statuses = []string{"200-399"} }

// Key is the probe's name.
func (p *Probe) Key() string { return p.Name }

func (p *Probe) defaults() {
	p.Path = "/"
	p.Interval = "30s"
	p.Timeout = "30s"
	p.UnhealthyThreshold = 3
	p.HealthyThreshold = 1
}

func (p *Probe) check(ps *Problems) {
	if p.Host != nil && p.HostFromSetting {
		ps.AddNeeding("host", []string{"host_from_setting"}, "cannot be given together with host_from_setting = true; keep one of the two")
	}
}

// Secure says whether the probes of a setting's targets go over TLS.
func (p *Probe) Secure(s *Setting) bool {
	if p.Protocol != nil {
		return *p.Protocol == HTTPS
	}
	return s.Protocol == HTTPS
}

// ServerName is the name that a probe under a setting says targets have; "" where neither says one.
func (p *Probe) ServerName(s *Setting) string {
	if p.Host != nil {
		return HostOf(*p.Host)
	}
	return s.ServerName()
}
