package plane

import "testing"

func TestConnectionShare(t *testing.T) {
	for _, c := range []struct{ all, sockets, want int }{
		{256, 4, 188},
		{1024, 0, 864},
		{1 << 20, 16, 1<<20 - 32 - 1024 - 16},
		{64, 4, 20},
		{32, 0, 4},
		{256, 192, 32}, // 16 loops, 12 addresses
	} {
		if got := connectionShare(c.all, c.sockets); got != c.want {
			t.Errorf("of %d descriptors beside %d sockets connections may take %d, want %d", c.all, c.sockets, got, c.want)
		}
	}
}
