package http1

// Hop is the line that a gateway adds to each request that it forwards, so that one that comes back to it is known (RFC
// 8586). Via would say the same, but many servers send no compressed answers where they find it.
const Hop = "CDN-Loop: " + hopID + "\r\n"

const hopID = "gatewayd"

// hops counts the gateways in the value of a CDN-Loop field: a list of names, each with parameters or without.
func hops(v []byte) (n int) {
	for rest := v; len(rest) > 0; {
		var info []byte
		info, rest = element(rest)
		if len(info) >= len(hopID) && string(info[:len(hopID)]) == hopID && (len(info) == len(hopID) || octets[info[len(hopID)]]&isToken == 0) {
			n++
		}
	}
	return n
}
