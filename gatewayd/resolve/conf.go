package resolve

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A conf is what resolv.conf(5) says, within the limits that the C library has too. It is never changed.
type conf struct {
	servers  []string // as "host:port", at most maxServers of resolv.conf
	search   []string // lower case, without a dot at the end; "" is the root
	ndots    int
	attempts int
	timeout  time.Duration // of one question to one server
	rotate   bool
	tcp      bool // no UDP
	onlyIPv4 bool // no-aaaa
}

// Limits of resolv.conf. The C library has the same; to the search list it has none any more.
const (
	maxServers  = 3
	maxNdots    = 15
	maxAttempts = 5
	maxTimeout  = 30 // seconds
	maxSearch   = 32
)

// parseConf reads a resolv.conf. What it does not understand it passes over, as the C library does; where nothing is
// left, this host is its own server.
func parseConf(text []byte) *conf {
	c := &conf{ndots: 1, attempts: 2, timeout: 5 * time.Second}
	search := false
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.ContainsAny(fields[0][:1], "#;") {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil && len(c.servers) < maxServers {
				c.servers = append(c.servers, net.JoinHostPort(a.String(), "53"))
			}
		case "domain":
			c.search, search = suffixes(fields[1:2]), true
		case "search":
			c.search, search = suffixes(fields[1:]), true
		case "options":
			for _, option := range fields[1:] {
				c.option(option)
			}
		}
	}
	if len(c.servers) == 0 {
		c.servers = []string{"127.0.0.1:53"}
	}
	if !search {
		c.search = ownDomain()
	}
	return c
}

func (c *conf) option(option string) {
	name, value, _ := strings.Cut(option, ":")
	n, err := strconv.Atoi(value)
	switch {
	case name == "rotate":
		c.rotate = true
	case name == "use-vc":
		c.tcp = true
	case name == "no-aaaa":
		c.onlyIPv4 = true
	case err != nil:
	case name == "ndots":
		c.ndots = min(max(n, 0), maxNdots)
	case name == "attempts":
		c.attempts = min(max(n, 1), maxAttempts)
	case name == "timeout":
		c.timeout = time.Duration(min(max(n, 1), maxTimeout)) * time.Second
	}
}

// suffixes are those domains of a search list that can be one.
func suffixes(domains []string) []string {
	var list []string
	for _, d := range domains {
		d = strings.TrimSuffix(lower(d), ".")
		if (d == "" || wrong(d) == "") && !slices.Contains(list, d) && len(list) < maxSearch {
			list = append(list, d)
		}
	}
	return list
}

// ownDomain is the search list where resolv.conf has none: the domain of this host.
func ownDomain() []string {
	name, err := os.Hostname()
	if err != nil {
		return nil
	}
	if _, domain, ok := strings.Cut(name, "."); ok && domain != "" {
		return suffixes([]string{domain})
	}
	return nil
}

// candidates are the absolute names that a name may stand for, in the order in which they are tried.
func (c *conf) candidates(name string) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	suffixes := slices.Clone(c.search)
	if strings.Count(name, ".") >= c.ndots {
		suffixes = slices.Insert(suffixes, 0, "")
	} else {
		suffixes = append(suffixes, "")
	}
	var list []string
	for _, suffix := range suffixes {
		full := name + "."
		if suffix != "" {
			full += suffix + "."
		}
		if len(full) <= maxName+1 && !slices.Contains(list, full) {
			list = append(list, full)
		}
	}
	return list
}
