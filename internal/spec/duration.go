package spec

import "time"

// A Duration is a Go duration string such as "30s" or "1h30m", kept as it was written.
type Duration string

// Value is the duration in time's unit; zero where the text is none (Check says so).
func (d Duration) Value() time.Duration {
	v, _ := time.ParseDuration(string(d))
	return v
}
