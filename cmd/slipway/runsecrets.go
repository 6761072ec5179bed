package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// readSecrets reads a file of NAME=VALUE a line. Empty lines, and those that begin with #, are left out. A value is
// what stands after the first =, to the end of the line.
func readSecrets(file string) (map[string]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(os.Stderr, "%s can be read by other users of this machine: chmod 600 %[1]s\n", file)
	}
	all := map[string]string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s:%d: a line has the form NAME=VALUE", file, number)
		}
		all[name] = value
	}
	return all, nil
}

// promptSecret asks at the terminal for a secret, once for each reference. It is nil if nobody types there: input comes
// from elsewhere, or there is no terminal.
func promptSecret(ctx context.Context) func(name, reference string) (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		return nil
	}
	at, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0) // output may go into a file
	if err != nil {
		return nil
	}
	var mu sync.Mutex
	known := map[string]string{}
	return func(name, reference string) (string, error) {
		mu.Lock() // builds of a batch ask one after another
		defer mu.Unlock()
		key := name + " " + reference
		if value, ok := known[key]; ok {
			return value, nil
		}
		value, err := readPassword(ctx, in, at, fmt.Sprintf("%s (%s): ", name, reference))
		if err == nil {
			known[key] = value
		}
		return value, err
	}
}

// readPassword reads a line without showing it. When ctx ends, the terminal shows again what is typed.
func readPassword(ctx context.Context, in int, at io.Writer, prompt string) (string, error) {
	before, err := unix.IoctlGetTermios(in, unix.TCGETS)
	if err != nil {
		return "", err
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(in, unix.TCSETS, &silent); err != nil { // before it is asked, whoever types fast
		return "", err
	}
	defer func() { _ = unix.IoctlSetTermios(in, unix.TCSETS, before) }()
	fmt.Fprint(at, prompt)
	type answer struct {
		text []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(in)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		fmt.Fprintln(at)
		return string(a.text), a.err
	case <-ctx.Done():
		fmt.Fprintln(at)
		return "", context.Cause(ctx)
	}
}
