package loop

// Handshakes is how many TLS handshakes may compute at once beside the given number of loops.
func Handshakes(loops int) int { return max(1, loops/2) }

// GOMAXPROCS is how many processors the Go scheduler needs for the given number of loops. A loop that leaves a
// blocking wait needs one at once: where none is free it queues behind computing goroutines and every connection of
// it stands still. So there is one for every loop, for every handshake that computes, and for the rest of the
// process, and a third more because the garbage collector takes a quarter while it runs.
func GOMAXPROCS(loops int) int {
	n := loops + Handshakes(loops) + 1
	return (4*n + 2) / 3
}
