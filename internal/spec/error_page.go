package spec

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// An ErrorPage is shown in place of the short text of an answer that the gateway makes itself.
type ErrorPage struct {
	Body        string `json:"body" tfsdk:"body" spec:"required,1..65536" doc:"The page."`
	ContentType string `json:"content_type" tfsdk:"content_type" spec:"is=content_type,1..256" doc:"Content-Type of the page."`
}

func (p *ErrorPage) defaults() { p.ContentType = "text/html; charset=utf-8" }

// ErrorStatuses are those that the gateway answers itself, in order: the statuses of the reasons of gatewayd/proxy, a test
// of which compares them. A page for another would never be shown.
func ErrorStatuses() []int {
	return []int{400, 403, 404, 405, 408, 413, 414, 417, 421, 426, 431, 500, 501, 502, 503, 504, 505, 508}
}

// checkErrorStatus is the grammar of a status that an error page can have.
func checkErrorStatus(s string) error {
	known := ErrorStatuses()
	if n, err := strconv.Atoi(s); err == nil && slices.Contains(known, n) && len(s) == 3 {
		return nil
	}
	words := make([]string, len(known))
	for i, n := range known {
		words[i] = strconv.Itoa(n)
	}
	return errors.New("must be a status with which the gateway answers errors by itself: " + strings.Join(words, ", "))
}
