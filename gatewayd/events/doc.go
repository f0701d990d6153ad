// Package events keeps what happened in a gateway lately, for those who follow it.
//
// There is one Feed. The writer of the configuration, health and the data plane tell it what happens, by narrow interfaces
// of their own; readers take what they want at their own speed. Nobody who tells anything waits for a reader, and no reader
// costs memory: all read from one ring of bounded size. One that is slower than what happens, or was away, is told how much
// of it is lost.
//
// What is told names objects and says what became of them, and whom a call sends away. It holds no bodies of objects, so no secret can
// be in it.
package events
