package memory_test

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Maker{Open: func(*testing.T, string) store.Store { return memory.Open() }})
}
