package tunnel

import (
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// nowhere stands in for a stream that is gone: its memory may be another connection's already.
type nowhere struct{}

func (nowhere) SetHandler(loop.Handler)    {}
func (nowhere) Write([]byte)               {}
func (nowhere) Queued() int                { return 0 }
func (nowhere) Unsent() int                { return 0 }
func (nowhere) Took() bool                 { return false }
func (nowhere) Pulse() loop.Pulse          { return loop.Pulse{} }
func (nowhere) Pause()                     {}
func (nowhere) Resume()                    {}
func (nowhere) CloseWrite()                {}
func (nowhere) Close()                     {}
func (nowhere) Reset()                     {}
func (nowhere) SetDeadline(loop.Time)      {}
func (nowhere) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }
func (nowhere) LocalAddr() netip.AddrPort  { return netip.AddrPort{} }
