package main

import (
	"fmt"
	"os"
	"strings"

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

// promptSecret asks at the terminal for a secret. It is nil without a terminal.
func promptSecret() func(name, reference string) (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return func(name, reference string) (string, error) {
		fmt.Fprintf(os.Stderr, "%s (%s): ", name, reference)
		value, err := term.ReadPassword(in)
		fmt.Fprintln(os.Stderr)
		return string(value), err
	}
}
