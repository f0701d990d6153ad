package backend

// Record counts the outcome of a probe as Report does, but leaves telling to its caller, who may have many to tell of:
// where the status changed, follower is the one whose Refresh has to be called, nil where nobody follows.
func (h *Health) Record(r Result) (before, after Status, follower Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.view.Status
	if h.count(r) {
		follower = h.follower
	}
	return before, h.view.Status, follower
}
