package http1

import (
	"net/http"
	"testing"
	"time"
)

func TestStatusLine(t *testing.T) {
	tests := map[int]string{
		200: "HTTP/1.1 200 OK\r\n", 101: "HTTP/1.1 101 Switching Protocols\r\n", 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n",
		299: "HTTP/1.1 299 \r\n", 599: "HTTP/1.1 599 \r\n",
	}
	for status, want := range tests {
		if got := AppendStatusLine(nil, status); string(got) != want {
			t.Errorf("%d: got %q, want %q", status, got, want)
		}
	}
}

func TestStatusText(t *testing.T) {
	// RFC 9110 renamed these; net/http keeps the older words.
	renamed := map[int]bool{413: true, 414: true, 416: true, 422: true}
	for status := -1; status < 700; status++ {
		if got := StatusText(status); got != "" && got != http.StatusText(status) && !renamed[status] {
			t.Errorf("%d: got %q, net/http %q", status, got, http.StatusText(status))
		}
	}
	for r := range Reason(Reasons) {
		if StatusText(Refusal(r).Status) == "" {
			t.Errorf("%v: status %d has no text", r, Refusal(r).Status)
		}
	}
}

func TestDate(t *testing.T) {
	var d Date
	at := time.Date(2026, 1, 31, 23, 59, 58, 999_999_999, time.FixedZone("", 3600))
	for range 5 {
		want := at.UTC().Format(http.TimeFormat)
		if got := string(d.At(at)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		at = at.Add(500 * time.Millisecond)
	}
	if got := string(new(Date).At(time.Unix(0, 0))); got != "Thu, 01 Jan 1970 00:00:00 GMT" {
		t.Errorf("epoch: %q", got)
	}
}
