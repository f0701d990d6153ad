package http1

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const wrkHead = "GET /1k HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"

const browserHead = "GET /dashboard/items?page=2&sort=name HTTP/1.1\r\n" +
	"Host: app.example.test\r\n" +
	"Connection: keep-alive\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n" +
	"sec-ch-ua-mobile: ?0\r\n" +
	"sec-ch-ua-platform: \"Linux\"\r\n" +
	"Upgrade-Insecure-Requests: 1\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-Mode: navigate\r\n" +
	"Sec-Fetch-User: ?1\r\n" +
	"Sec-Fetch-Dest: document\r\n" +
	"Referer: https://app.example.test/dashboard\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\n" +
	"Cookie: session=5f2d8c0a9b7e4c11a3d6; theme=dark; GatewaydAffinity=k3J9x0a1B2c3D4e5F6g7H8\r\n\r\n"

const handshakeHead = "GET /chat HTTP/1.1\r\nHost: app.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Origin: https://app.example.test\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

const responseHead = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 31 Jan 2026 22:59:58 GMT\r\n" +
	"Content-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n" +
	"ETag: \"65b9a1c2-400\"\r\nAccept-Ranges: bytes\r\n\r\n"

func chunked64K() []byte {
	var b []byte
	data := bytes.Repeat([]byte("x"), 4096)
	for range 16 {
		b = append(append(AppendChunkHead(b, len(data)), data...), ChunkEnd...)
	}
	return AppendLastChunk(b, nil)
}

func drain(b *Body, p []byte) int {
	payload := 0
	for {
		n, data, done, err := b.Next(p)
		payload += len(data)
		if p = p[n:]; done || err != nil || n == 0 {
			return payload
		}
	}
}

// steady lists what a gateway does for each message.
func steady() map[string]func() bool {
	var r Request
	var s Response
	var b Body
	var d Date
	wrk, browser, handshake, response := []byte(wrkHead), []byte(browserHead), []byte(handshakeHead), []byte(responseHead)
	bad := []byte(strings.Replace(wrkHead, "Host", "Host ", 1))
	chunks, key := chunked64K(), []byte("dGhlIHNhbXBsZSBub25jZQ==")
	out := make([]byte, 0, 256)
	request := func(head []byte) func() bool {
		return func() bool {
			end, _, err := HeadEnd(head, 0)
			return err == nil && r.Parse(head[:end], Limits{}) == nil
		}
	}
	return map[string]func() bool{
		"WrkHead":       request(wrk),
		"BrowserHead":   request(browser),
		"HandshakeHead": request(handshake),
		"RefusedHead":   func() bool { return r.Parse(bad, Limits{}) != nil },
		"ResponseHead": func() bool {
			end, _, err := HeadEnd(response, 0)
			return err == nil && s.Parse(response[:end], RequestOrdinary, Limits{}) == nil
		},
		"Chunked64K": func() bool {
			b.Start(BodyChunked, 0)
			return drain(&b, chunks) == 64<<10
		},
		"AcceptKey": func() bool { return AcceptKey(key)[27] == '=' },
		"Answer": func() bool {
			out = AppendField(AppendStatusLine(out[:0], 502), "Date", d.At(time.Unix(int64(len(out)), 0)))
			return len(AppendChunkHead(out, 4096)) > 0
		},
	}
}

// Steady state allocates nothing, or the garbage collector pays for every request.
func TestNoAllocation(t *testing.T) {
	for name, do := range steady() {
		if n := testing.AllocsPerRun(100, func() {
			if !do() {
				t.Fatalf("%s failed", name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkSteady(b *testing.B) {
	for name, do := range steady() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !do() {
					b.Fatal("failed")
				}
			}
		})
	}
}
