package loop

const (
	// youth is how long a dialled connection goes without keep-alive. It ends well before the first time that keep-alive
	// would look after it, so that nothing is found later; and most connections are over by then, without the system calls.
	youth = Time(5e9)
	// growStep is how many connections get it in one turn.
	growStep = 256
)

// A newcomer is a dialled connection without keep-alive.
type newcomer struct {
	index, gen uint32
	dialled    Time
}

// The young are a loop's newcomers, the oldest first.
type young struct {
	l     *Loop
	list  []newcomer
	from  int // where the list begins
	timer Timer
	grow  func() // method value made once
}

func (y *young) start(l *Loop) { y.l, y.grow = l, y.grown }

func (y *young) add(c *Conn) {
	if len(y.list) == 0 {
		y.l.SetTimer(&y.timer, y.l.now+youth, y.grow)
	}
	if len(y.list) == cap(y.list) && y.from > len(y.list)/2 {
		y.list = y.list[:copy(y.list, y.list[y.from:])]
		y.from = 0
	}
	y.list = append(y.list, newcomer{c.index, c.gen, y.l.now})
}

// grown gives keep-alive to those that are still there and not young any more.
func (y *young) grown() {
	l := y.l
	for n := 0; y.from < len(y.list); y.from++ {
		x := y.list[y.from]
		if n == growStep || x.dialled+youth > l.now {
			l.SetTimer(&y.timer, x.dialled+youth, y.grow)
			return
		}
		if c := l.slab.get(x.index); c != nil && c.gen == x.gen && c.flags&(fOpen|fDead) == fOpen {
			l.kernel.KeepAlive(int(c.fd))
			n++
		}
	}
	y.list, y.from = nil, 0 // Also the memory of a burst.
}
