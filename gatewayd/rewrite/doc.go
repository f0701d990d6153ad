// Package rewrite changes the heads of requests and answers as a spec.Rewrite says: conditions with captures, header
// fields, the path and the query.
//
// A Rewrite is compiled once and shared by every loop. What it comes to for one request is Changes, which belong to
// their loop and are used again for the next one: they are filled from a Subject, which is the request as its client
// sent it, and then written into a head. What a rewrite of answers needs of the request is Saved until the answer comes.
//
// Whatever a variable brings can end no line and no request: see safe.go. The package knows no sockets, no clock and no
// table; proxy calls it and decides what a new path leads to.
package rewrite
