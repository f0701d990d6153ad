package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxFrame bounds one line and the data of one event, in bytes.
const maxFrame = 1 << 20

var errFrame = errors.New("an event is larger than 1 MiB")

// A frame is one event of a stream, as it came.
type frame struct {
	id, event string
	data      []byte // until the next one is read
}

// frames reads Server-Sent Events (HTML Standard, 9.2.6).
type frames struct {
	in    *bufio.Reader
	begun bool
	cr    bool // the last line ended with a carriage return, to which a line feed may belong that follows
	text  []byte
	data  []byte
	id    string // stays for later events that have none
}

func newFrames(r io.Reader) *frames { return &frames{in: bufio.NewReader(r)} }

// next is the next event that has data. What the end of the stream cuts off is none.
func (s *frames) next() (frame, error) {
	event := ""
	s.data = s.data[:0]
	for {
		line, err := s.line()
		if err != nil {
			return frame{}, err
		}
		if len(line) == 0 {
			if len(s.data) > 0 {
				return frame{id: s.id, event: event, data: s.data[:len(s.data)-1]}, nil
			}
			event = ""
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if len(s.data)+len(value) >= maxFrame {
				return frame{}, errFrame
			}
			s.data = append(append(s.data, value...), '\n')
		case "event":
			event = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				s.id = string(value)
			}
		}
	}
}

// line is the next line, without its end: a line feed, a carriage return, or both.
func (s *frames) line() ([]byte, error) {
	s.text = s.text[:0]
	for {
		b, err := s.in.ReadByte()
		if err != nil {
			return nil, err
		}
		after := s.cr
		s.cr = b == '\r'
		switch {
		case after && b == '\n':
			continue
		case b != '\n' && b != '\r':
			if len(s.text) == maxFrame {
				return nil, errFrame
			}
			s.text = append(s.text, b)
			continue
		}
		if !s.begun {
			s.begun = true
			return bytes.TrimPrefix(s.text, []byte("\uFEFF")), nil
		}
		return s.text, nil
	}
}
