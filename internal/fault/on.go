//go:build slipway_fault

// Package fault has the points at which kill tests end the process.
package fault

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

var reached atomic.Int64

// Point kills the process, as a power cut would, if SLIPWAY_FAULT is NAME or NAME:N and this is the first or N-th call.
// It kills once: it first makes the file that SLIPWAY_FAULT_FILE names, and does nothing if that file exists.
func Point(name string) {
	want, nth, counted := strings.Cut(os.Getenv("SLIPWAY_FAULT"), ":")
	if want != name {
		return
	}
	n := int64(1)
	if counted {
		n, _ = strconv.ParseInt(nth, 10, 64)
	}
	if reached.Add(1) != n {
		return
	}
	if mark := os.Getenv("SLIPWAY_FAULT_FILE"); mark != "" {
		f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		_ = f.Close()
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

var panicked sync.Map

// Panic panics at the first call with a name that is in SLIPWAY_PANIC, a list separated by commas. An entry that ends
// in * matches every name with its prefix, once each.
func Panic(name string) {
	listed := func(pattern string) bool {
		before, any := strings.CutSuffix(pattern, "*")
		return pattern == name || any && strings.HasPrefix(name, before)
	}
	if !slices.ContainsFunc(strings.Split(os.Getenv("SLIPWAY_PANIC"), ","), listed) {
		return
	}
	if _, before := panicked.LoadOrStore(name, true); !before {
		panic("injected at " + name) //nolint:forbidigo // what it is for
	}
}

var statements struct {
	once sync.Once
	file *os.File
}

// Statement appends a statement of SQL to the file that SLIPWAY_SQL_LOG names, if any, with a zero byte after it.
func Statement(query string) {
	statements.once.Do(func() {
		if path := os.Getenv("SLIPWAY_SQL_LOG"); path != "" {
			statements.file, _ = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		}
	})
	if statements.file != nil {
		_, _ = statements.file.WriteString(query + "\x00")
	}
}
