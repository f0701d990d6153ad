package loop

import "time"

// yieldTime is after how long a loop lets the scheduler run something else, and be run anew. Nothing else makes a loop's
// turn on its processor end: its calls are raw, or return to the processor they left. After 10 ms the runtime's monitor
// (sysmon) takes that for a goroutine that does not yield. It then wakes every 20 µs, interrupts the loop's thread by
// signals, and takes the processor away in each blocking wait: a fifth of what a short-lived connection costs.
const yieldTime = Time(5 * time.Millisecond)

// Handshakes is how many TLS handshakes that are too long for a loop may compute at once beside the given number of loops.
func Handshakes(loops int) int { return max(1, loops/2) }

// GOMAXPROCS is how many processors the Go scheduler needs for the given number of loops. A loop that leaves a
// blocking wait needs one at once: where none is free it queues behind computing goroutines and every connection of
// it stands still. So there is one for every loop, for every handshake that computes, and for the rest of the
// process, and a third more because the garbage collector takes a quarter while it runs.
func GOMAXPROCS(loops int) int {
	n := loops + Handshakes(loops) + 1
	return (4*n + 2) / 3
}
