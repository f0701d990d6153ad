package table

import "testing"

// TestOrigins: who is let in, by what browsers send and by what somebody may make up.
func TestOrigins(t *testing.T) {
	o := newOrigins([]string{"https://app.example.com", "https://*.Wild.example", "http://*.dev.example:3000", "null"})
	for origin, want := range map[string]bool{
		"https://app.example.com": true, "HTTPS://APP.example.com": true, "http://app.example.com": false, "https://app.example.com:8443": false,
		"https://a.wild.example": true, "https://a.b.wild.example": true, "https://wild.example": false, "https://.wild.example": false,
		"https://evilwild.example": false, "http://a.wild.example": false, "https://a.wild.example:1": false, "https://a.wild.example.evil.example": false,
		"https://evil.example/.wild.example": false, "https://u@.wild.example": false, "https://evil.example:1.wild.example": false,
		"http://x.dev.example:3000": true, "http://x.dev.example": false, "null": true, "": false, "https://": false,
	} {
		if got := o.Has([]byte(origin)); got != want {
			t.Errorf("Has(%q) is %t", origin, got)
		}
	}
	if newOrigins(nil) != nil {
		t.Error("no origins are some")
	}
	long := make([]byte, 1<<16)
	if n := testing.AllocsPerRun(100, func() { o.Has(long); o.Has([]byte("https://a.b.wild.example")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
