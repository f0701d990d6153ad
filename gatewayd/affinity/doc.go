// Package affinity makes and reads the cookie that brings a client back to the backend that answered it.
//
// The value of a cookie is a list of pins, the newest first, with dots between them. A pin names one backend for the
// requests of one pool under one setting. So the pools behind one host name share a cookie, and none of them undoes what
// another one did. A pin is 40 characters, base64url of:
//
//	octets  1   version
//	        8   backend, a hash of its pool and address under the gateway's key
//	        5   when it was issued, in seconds since 1970; 0 in a cookie without an end
//	       16   HMAC-SHA256 under the gateway's key, of what stands before it, the pool and the setting
//
// So a client learns nothing from a pin, cannot make one, and cannot use one where it was not issued. A pin that is no
// good is no pin: nothing here is ever an error.
//
// The package is pure: bytes in, bytes out. It is told what time it is.
package affinity
