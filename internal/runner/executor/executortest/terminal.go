package executortest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/internal/runner/room"
)

// console is a terminal as a test uses it.
type console struct {
	room.Terminal
	t     *testing.T
	shown chan string // all that it has shown, whenever that grows
	last  string      // what shows has seen
}

func (s *session) terminal(script string) *console {
	s.t.Helper()
	rooms, ok := s.room.(room.Terminals)
	if !ok {
		s.t.Fatal("the room has no terminals")
	}
	term, err := rooms.Terminal(s.t.Context(), room.Command{Args: []string{"/bin/sh", "-c", script},
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "TERM=xterm"}}, room.Size{Cols: 91, Rows: 17})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = term.Close() })
	c := &console{term, s.t, make(chan string, 1), ""}
	go c.read()
	return c
}

func (c *console) read() {
	defer close(c.shown)
	var all strings.Builder
	for buffer := make([]byte, 4096); ; {
		n, err := c.Read(buffer)
		all.Write(buffer[:n])
		select {
		case <-c.shown:
		default:
		}
		if c.shown <- all.String(); err != nil {
			return
		}
	}
}

// shows waits until the terminal has shown a text, or its end for "", and returns all that it has shown.
func (c *console) shows(text string) string {
	c.t.Helper()
	for late := time.After(patience); ; {
		if text != "" && strings.Contains(c.last, text) {
			return c.last
		}
		select {
		case all, open := <-c.shown:
			if !open {
				if text != "" {
					c.t.Fatalf("no %q in %q", text, c.last)
				}
				return c.last
			}
			c.last = all
		case <-late:
			c.t.Fatalf("no %q in %q", text, c.last)
		}
	}
}

func (c *console) types(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// Keys of a terminal.
const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

func testTerminal(t *testing.T, s *session) {
	p := s.room.Place()
	s.wants(`echo of the room >shared; printf 'done\0' >$A`, "done")
	c := s.terminal("cd " + p.Source + "; cat shared; PS1='ready> ' exec sh -i")
	c.shows("of the room\r\n")
	c.shows("ready> ") // what is typed before may be dropped
	c.types("stty size; (exec </dev/tty) && echo control''ling; echo made >from-the-terminal\n")
	c.shows("17 91")
	c.shows("controlling")
	if err := c.Resize(room.Size{Cols: 120, Rows: 33}); err != nil {
		t.Fatal(err)
	}
	c.types("stty size\n")
	c.shows("33 120")
	c.types("sh -c 'echo beg\"\"un; exec sleep 1000'\n")
	c.shows("begun")
	c.types(ctrlC)
	c.types("echo sta''tus $?\n")
	c.shows("status 130")
	c.types("sh -c 'echo run\"\"s; exec sleep 1001'\n")
	c.shows("runs")
	c.types(ctrlZ)
	c.shows("topped")
	c.types("jobs; echo job''s\n")
	c.shows("jobs\r\n")
	c.types("setsid sleep 1005 & echo a''way\n") // has the terminal after its session has ended
	c.shows("away")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	c.shows("")
	c = s.terminal("PS1='ready> ' exec sh -i")
	c.shows("ready> ")
	c.types("exit 7\n")
	c.shows("")
	if code, err := c.Wait(); code != 7 || err != nil {
		t.Errorf("the exit code is %d, %v", code, err)
	}
	s.wants(`cat from-the-terminal >$A; printf '\0' >$A`, "made\n")
}

func testTerminalEnd(t *testing.T, s *session) {
	c := s.terminal("trap '' HUP; echo here; sleep 1002 & sleep 1003")
	c.shows("here")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	c.shows("")
	s.terminal("echo here; sleep 1004").shows("here")
	dir := s.room.Place().Dir
	if err := s.room.Close(); err != nil {
		t.Error(err)
	}
	if left := sleepers(t); left != "" {
		t.Errorf("processes of %s are left: %s", dir, left)
	}
}

// sleepers are the programs that testTerminalEnd has started, wherever they are.
func sleepers(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, file := range all {
		for _, n := range []string{"1002", "1003", "1004"} {
			line, _ := os.ReadFile(file) // a process that is gone has none
			if strings.Contains(string(line), "sleep\x00"+n+"\x00") {
				left = append(left, "sleep "+n)
			}
		}
	}
	return strings.Join(left, ", ")
}
