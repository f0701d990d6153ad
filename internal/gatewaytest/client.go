package gatewaytest

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// patience bounds every wait of a Socket; nothing takes that long unless it is broken.
const patience = 15 * time.Second

// A Socket is a WebSocket client, one goroutine's at a time.
type Socket struct {
	*websocket.Conn
	// Backend is the name of the Echo at the other end.
	Backend string
}

// A RefusedError is an answer other than 101 to a WebSocket handshake.
type RefusedError struct {
	Status int
	Header http.Header
	Body   string // at most 1 KiB
}

// Error says how the handshake was answered.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the handshake was answered %d: %q", e.Status, e.Body)
}

// Dial opens a WebSocket at a URL such as "ws://127.0.0.1:8080/chat". header may be nil. A refusal is a *RefusedError.
func Dial(ctx context.Context, url string, header http.Header) (*Socket, error) {
	return DialTLS(ctx, url, header, nil)
}

// DialTLS is Dial, with what "wss" goes by; nil believes whom the machine believes.
func DialTLS(ctx context.Context, url string, header http.Header, config *tls.Config) (*Socket, error) {
	dialer := websocket.Dialer{HandshakeTimeout: patience, TLSClientConfig: config, Subprotocols: header.Values("Sec-WebSocket-Protocol")}
	header = header.Clone()
	header.Del("Sec-WebSocket-Protocol")
	c, answer, err := dialer.DialContext(ctx, url, header)
	switch {
	case err == nil:
		return &Socket{Conn: c, Backend: answer.Header.Get(BackendHeader)}, nil
	case errors.Is(err, websocket.ErrBadHandshake) && answer != nil:
		// The library keeps the beginning of the body, so reading it cannot fail.
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return nil, &RefusedError{Status: answer.StatusCode, Header: answer.Header, Body: string(body)}
	}
	return nil, fmt.Errorf("dial %s: %w", url, err)
}

// Say sends a text and waits for the answer to it.
func (s *Socket) Say(text string) (string, error) {
	deadline := time.Now().Add(patience)
	if err := errors.Join(s.SetWriteDeadline(deadline), s.SetReadDeadline(deadline)); err != nil {
		return "", err
	}
	if err := s.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		return "", fmt.Errorf("send: %w", err)
	}
	_, answer, err := s.ReadMessage()
	if err != nil {
		return "", fmt.Errorf("receive: %w", err)
	}
	return string(answer), nil
}

// Bye ends the conversation politely: Close, the other side's Close, then the connection. It returns the other side's
// status code.
func (s *Socket) Bye() (int, error) {
	defer s.Close()
	deadline := time.Now().Add(patience)
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := errors.Join(s.SetReadDeadline(deadline), s.WriteControl(websocket.CloseMessage, message, deadline)); err != nil {
		return 0, err
	}
	for {
		_, _, err := s.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return closed.Code, nil
		case err != nil:
			return 0, err
		}
	}
}

// acceptKey is Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
