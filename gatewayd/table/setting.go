package table

import "github.com/gatewayd/terraform-provider-gatewayd/internal/spec"

// setting is that of an entry, once for all rules that name it. A missing one has the defaults and no identity.
func (c *compiler) setting(e *spec.Entry) *Setting {
	if s := c.table.settings[e]; s != nil {
		return s
	}
	s, t := c.before.settings[e], c.terms(e)
	if s == nil || t != nil && !s.terms.equal(t) {
		s = newSetting(e)
		s.terms, s.TLS = t, c.client(e, t)
	}
	c.table.settings[e] = s
	return s
}

func newSetting(e *spec.Entry) *Setting {
	o, id := spec.Settings.New().(*spec.Setting), ""
	if e != nil {
		o, id = e.Object.(*spec.Setting), e.ID
	}
	s := &Setting{
		ID: id, Name: o.Name,
		ConnectTimeout:    o.ConnectTimeout.Value(),
		RequestTimeout:    o.RequestTimeout.Value(),
		StreamIdleTimeout: o.StreamIdleTimeout.Value(),
		WriteTimeout:      o.WriteTimeout.Value(),
		DrainTimeout:      o.DrainTimeout.Value(),
		Retries:           o.Retries,
		HostFromTarget:    o.HostFromTarget,
		KeepAliveIdle:     o.KeepAlive.IdleTimeout.Value(),
		MaxIdle:           o.KeepAlive.MaxIdle,
		CloseSpread:       spec.Spread(o.CloseSpread, o.DrainTimeout),
		MaxConnections:    o.MaxConnections,
		SendProxyProtocol: o.SendProxyProtocol,
		Sources:           o.Sources(),
		WebSocket: WebSocket{
			IdleTimeout: o.WebSocket.IdleTimeout.Value(), MaxLifetime: o.WebSocket.MaxLifetime.Value(),
			MaxMessage: uint64(o.WebSocket.MaxMessageBytes), Origins: newOrigins(o.WebSocket.AllowedOrigins),
		},
	}
	if o.Eject != nil {
		s.EjectFailures, s.EjectFor = o.Eject.Failures, o.Eject.For.Value()
	}
	if o.Affinity != nil {
		s.Affinity = &Affinity{CookieName: o.Affinity.CookieName, TwinName: o.Affinity.CookieName + spec.AffinityTwin, Lifetime: o.Affinity.Lifetime()}
	}
	if o.Host != nil {
		s.Host = *o.Host
	}
	if o.PathPrefix != nil {
		s.PathPrefix = *o.PathPrefix
	}
	return s
}
