package spec

import (
	"fmt"
	"strings"
	"testing"
)

// What the field says of the statuses that may have a page is what may.
func TestErrorStatusesAreTold(t *testing.T) {
	for _, f := range Listeners.Fields() {
		if f.Name != "error_pages" {
			continue
		}
		words := strings.ReplaceAll(strings.Trim(fmt.Sprint(ErrorStatuses()), "[]"), " ", ", ")
		if !strings.Contains(f.Doc, ": "+words+". ") {
			t.Errorf("the documentation does not list %s: %s", words, f.Doc)
		}
		return
	}
	t.Error("listeners have no error_pages")
}
