// Package resolve turns the names of targets into addresses, and keeps them up to date for as long as somebody wants
// them. Each name is looked up again when the time to live of its records is over; several addresses stay several; and
// where a look-up fails the last good addresses stay, with the reason in words, and for a while also where nobody wants
// the name in between.
//
// It reads resolv.conf and the hosts file as the system's own resolver does, and again when they change, but asks the
// DNS servers itself: the standard library shows no times to live. An answer counts only where it has the id and the
// question of the query, and of it only what leads from the question to addresses.
//
// Whoever writes a name into a configuration decides where the gateway connects to, and so does, later on, whoever
// answers for the name. So some addresses are never taken, whether DNS or the hosts file says them: unspecified,
// multicast and link-local ones, among them 169.254.169.254 and fd00:ec2::254, under which clouds hand out secrets
// (server-side request forgery). Loopback and private addresses are taken: targets live there.
//
// The package knows no pools, tables or backends: gatewayd/plane hands it the names that are wanted after each change of
// the configuration, and is called when one of them has changed.
package resolve
