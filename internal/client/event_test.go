package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// read is every event of a stream, and why it ended.
func read(r io.Reader) (list []string, err error) {
	frames := newFrames(r)
	for {
		x, err := frames.next()
		if err != nil {
			return list, err
		}
		list = append(list, fmt.Sprintf("%s|%s|%s", x.id, x.event, x.data))
	}
}

func TestFramesAreRead(t *testing.T) {
	for text, want := range map[string][]string{
		"id: 1\nevent: a\ndata: x\n\n":                                  {"1|a|x"},
		"data:x\r\n\r\nid:2\rdata: y\r\rdata\n\n":                       {"||x", "2||y", "2||"},
		"\uFEFFdata: x\n\n\uFEFFdata: y\n\n":                            {"||x"},
		":\n\n: alive\n\nevent: a\n\ndata: x\n\n":                       {"||x"},
		"data: x\ndata:  y\ndata\n\n":                                   {"||x\n y\n"},
		"id: 1\ndata: x\n\ndata: y\n\nid\ndata: z\n\n":                  {"1||x", "1||y", "||z"},
		"id: 1\x00\ndata: x\nretry: 5\nDATA: z\nother\n data: z\n\n":    {"||x"},
		"data: x\n\ndata: what is cut off\n":                            {"||x"},
		"event: a\nevent: b\nid: 1\nid: 2\ndata: {\"a\": \"b: c\"}\n\n": {"2|b|{\"a\": \"b: c\"}"},
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			got, err := read(r)
			if diff := cmp.Diff(want, got); diff != "" || err != io.EOF {
				t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
			}
		}
	}
}

// TestFramesAreBounded: whoever sends without end is not listened to without end.
func TestFramesAreBounded(t *testing.T) {
	for what, text := range map[string]string{
		"a line": "data: " + strings.Repeat("x", maxFrame+1),
		"data":   strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", maxFrame/1000),
	} {
		if _, err := read(strings.NewReader(text)); err != errFrame {
			t.Errorf("%s: %v", what, err)
		}
	}
	most := strings.Repeat("x", maxFrame-6)
	if got, err := read(strings.NewReader("data: " + most + "\n\n")); len(got) != 1 || err != io.EOF {
		t.Errorf("the most: %d, %v", len(got), err)
	}
}

// FuzzFrames: what is read does not depend on how it comes, is bounded, and reads the same when it is written again.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("id: 1\nevent: a\ndata: x\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole, err := read(bytes.NewReader(text))
		bytewise, again := read(iotest.OneByteReader(bytes.NewReader(text)))
		if diff := cmp.Diff(whole, bytewise); diff != "" || err != again {
			t.Fatalf("%v, %v (-whole +bytewise):\n%s", err, again, diff)
		}
		var written bytes.Buffer
		for _, x := range whole {
			parts := strings.SplitN(x, "|", 3)
			fmt.Fprintf(&written, "id: %s\nevent: %s\ndata: %s\n\n", parts[0], parts[1], strings.ReplaceAll(parts[2], "\n", "\ndata: "))
		}
		if bytes.Contains(text, []byte("|")) {
			return // The parts cannot be told apart.
		}
		if rewritten, _ := read(&written); !cmp.Equal(whole, rewritten) {
			t.Fatalf("(-first +second):\n%s", cmp.Diff(whole, rewritten))
		}
	})
}

// scripted is a gateway whose streams are written beforehand, one after the other; it notes what each was asked for.
func scripted(t *testing.T, streams ...string) (c *Client, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := len(*asked)
		*asked = append(*asked, r.Header.Get("Accept")+" "+r.URL.RequestURI())
		w.Header().Set(api.HeaderVersion, "1.2.3")
		switch {
		case n >= len(streams):
			w.WriteHeader(http.StatusForbidden) // Nobody shall ask any more.
		case streams[n] == "503":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Type", api.MediaEvents+"; charset=utf-8")
			io.WriteString(w, streams[n])
		}
	}))
	t.Cleanup(s.Close)
	c, err := New(Config{Endpoints: []string{s.URL}, RetryMax: -1, RetryWaitMin: time.Millisecond, RetryWaitMax: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, asked
}

func event(id, kind string) string {
	return fmt.Sprintf("id: %s\nevent: %s\ndata: {\"kind\":%q,\"more\":1}\n\n", id, kind, kind)
}

// TestEventsAreTakenUpAgain: a stream that breaks goes on behind what its reader had, until the gateway will not.
func TestEventsAreTakenUpAgain(t *testing.T) {
	c, asked := scripted(t, event("a-1", "begin")+event("a-2", "change")+"id: a-3\nevent: cut", "503", event("a-2", "begin"), event("b-0", "begin")+event("b-1", "change"))
	var got, interruptions []string
	err := c.Events(t.Context(), api.EventQuery{Kinds: []string{"change", "gateway"}}, func(e *api.Event) error {
		got = append(got, e.ID+" "+e.Kind)
		return nil
	}, func(err error) { interruptions = append(interruptions, err.Error()) })
	if api.ErrorReason(err) != api.Forbidden {
		t.Errorf("it ends with %v", err)
	}
	if diff := cmp.Diff([]string{"a-1 begin", "a-2 change", "a-2 begin", "b-0 begin", "b-1 change"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	const accept = "text/event-stream, application/problem+json /v1/events?kind=change%2Cgateway"
	want := []string{accept, accept + "&last_event_id=a-2", accept + "&last_event_id=a-2", accept + "&last_event_id=a-2", accept + "&last_event_id=b-1"}
	if diff := cmp.Diff(want, *asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if len(interruptions) != 4 || !strings.Contains(interruptions[0], "broke off: ") {
		t.Errorf("interruptions: %q", interruptions)
	}
}

// TestEventsEnd: by their reader, by the context, and where there is no stream to begin with.
func TestEventsEnd(t *testing.T) {
	never := func(err error) { t.Errorf("interrupted: %v", err) }
	enough := errors.New("enough")
	c, _ := scripted(t, event("a-1", "begin"))
	if err := c.Events(t.Context(), api.EventQuery{}, func(*api.Event) error { return enough }, never); err != enough {
		t.Errorf("by its reader: %v", err)
	}
	c, _ = scripted(t, event("a-1", "begin"))
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Events(ctx, api.EventQuery{}, func(*api.Event) error { cancel(); return nil }, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("by the context: %v", err)
	}
	for stream, want := range map[string]string{"503": "503", "": "broke off", "id: 1\ndata: {\n\n": "not the JSON that was expected"} {
		c, _ = scripted(t, stream)
		if err := c.Events(t.Context(), api.EventQuery{}, func(*api.Event) error { return nil }, never); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", stream, err)
		}
	}
}
