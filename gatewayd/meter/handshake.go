package meter

// A Handshake is what came of a request for a WebSocket.
type Handshake uint8

// The results. All but the first leave no tunnel.
const (
	ShakeOpened        Handshake = iota
	ShakeTargetRefused           // the target gave another answer, whichever
	ShakeTargetFailed            // no target could be reached, or answered as it has to
	ShakeNoTarget                // no target is healthy, or has room
	ShakeOrigin                  // the page may not ask
	ShakeTooMany                 // the listener has as many tunnels as it may
	ShakeRefused                 // the gateway did not take the request, for another reason
	ShakeGatewayFailed           // the gateway could not do what was asked
	ShakeByRule                  // the rule redirects or answers
	ShakeClientLeft              // before there was an answer
	handshakeEnd
)

// Handshakes is the length of an array indexed by [Handshake].
const Handshakes = int(handshakeEnd)

var handshakes = [Handshakes]string{
	"opened", "target_refused", "target_failed", "no_target", "origin", "too_many_tunnels", "refused", "gateway_failed", "rule", "client_left",
}

// String is the word that metrics use.
func (h Handshake) String() string { return handshakes[h] }
