package bolt

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lockHolder names the process that holds the file's lock, as far as it can be seen from here.
func lockHolder(path string) string {
	const unknown = "another process"
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		return unknown
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return unknown
	}
	// 1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234567 0 EOF
	for line := range strings.Lines(string(locks)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[4] == "0" || f[4] == "-1" {
			continue
		}
		if inode := f[5][strings.LastIndexByte(f[5], ':')+1:]; inode == fmt.Sprint(stat.Ino) {
			return "process " + f[4]
		}
	}
	return unknown
}
