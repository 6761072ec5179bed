package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// A secret that is typed when it is asked for is neither shown by the terminal nor printed by the build.
func TestSecretIsTypedUnseen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const spec = "version: 0.2\nenv: {parameter-store: {TOKEN: /web/token}}\n" +
		"phases: {build: {commands: ['echo token is $TOKEN']}}\n"
	if err := os.WriteFile(filepath.Join(dir, "buildspec.yml"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: []string{"slipway", "run"}, Dir: dir, Env: os.Environ()} // see TestMain
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var shown bytes.Buffer
	part := make([]byte, 4096)
	for typed := false; ; {
		n, err := terminal.Read(part)
		shown.Write(part[:n])
		if err != nil { // the program has ended
			break
		}
		if !typed && strings.Contains(shown.String(), "TOKEN (/web/token): ") {
			typed = true
			if _, err := terminal.WriteString("typed-value-7\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &shown)
	}
	if got := shown.String(); strings.Contains(got, "typed-value") || !strings.Contains(got, "token is ***") {
		t.Errorf("shown was %s", got)
	}
}
