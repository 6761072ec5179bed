package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	deploymentsLogSize = 64 << 20
	deploymentsLogs    = 8
)

// deploymentsLog is the log of all deployments of the host, kept in eight files of 64 MiB.
type deploymentsLog struct {
	dir  string
	mu   sync.Mutex
	file *os.File
	size int64
}

func (l *deploymentsLog) path(n int) string {
	path := filepath.Join(l.dir, "codedeploy-agent-deployments.log")
	if n > 0 {
		path += fmt.Sprintf(".%d", n)
	}
	return path
}

// write adds a line. A log that can't be written is no reason for anything to stop.
func (l *deploymentsLog) write(now time.Time, deployment, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil && !l.open() {
		return
	}
	n, _ := fmt.Fprintf(l.file, "[%s] [%s]%s", now.Format("2006-01-02 15:04:05.000"), deployment, line)
	if l.size += int64(n); l.size < deploymentsLogSize {
		return
	}
	_ = l.file.Close()
	l.file = nil
	for i := deploymentsLogs - 1; i > 0; i-- {
		_ = os.Rename(l.path(i-1), l.path(i))
	}
}

func (l *deploymentsLog) open() bool {
	if os.MkdirAll(l.dir, 0o755) != nil {
		return false
	}
	f, err := openLog(l.path(0))
	if err != nil {
		return false
	}
	l.file, l.size = f, 0
	if info, err := f.Stat(); err == nil {
		l.size = info.Size()
	}
	return true
}

func (l *deploymentsLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
