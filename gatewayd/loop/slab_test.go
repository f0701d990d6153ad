package loop

import (
	"testing"
	"unsafe"
)

func TestConnIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 256 {
		t.Errorf("a connection takes %d bytes of slab, want at most 256", n)
	}
	t.Logf("a connection takes %d bytes of slab", unsafe.Sizeof(Conn{}))
}
