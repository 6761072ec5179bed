package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/creack/pty"

	"slipway/internal/runner/executor/executortest"
)

// console is a program on a terminal, as a person sees it.
type console struct {
	t       *testing.T
	master  *os.File
	program *exec.Cmd
	ended   chan struct{}

	mu      sync.Mutex
	all     []byte
	changed chan struct{}
}

// console starts a program on a terminal of 100 × 30.
func (i *instance) console(t *testing.T, program string, args ...string) *console {
	t.Helper()
	c := &console{t: t, program: exec.Command(program, args...), ended: make(chan struct{}),
		changed: make(chan struct{}, 1)}
	c.program.Env = append(environment(), i.env...)
	c.program.Env = append(c.program.Env, i.client()...)
	var err error
	if c.master, err = pty.StartWithSize(c.program, &pty.Winsize{Cols: 100, Rows: 30}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.program.Process.Kill()
		<-c.ended
		_ = c.master.Close()
	})
	go func() {
		defer close(c.ended)
		for buffer := make([]byte, 4096); ; {
			n, err := c.master.Read(buffer)
			c.mu.Lock()
			c.all = append(c.all, buffer[:n]...)
			c.mu.Unlock()
			select {
			case c.changed <- struct{}{}:
			default:
			}
			if err != nil {
				_ = c.program.Wait()
				return
			}
		}
	}()
	return c
}

func (c *console) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.all)
}

// shows waits until the terminal has shown a text, or another one instead.
func (c *console) shows(text string, or ...string) {
	c.t.Helper()
	for late := time.After(patience); ; {
		if has := c.shown(); strings.Contains(has, text) || len(or) > 0 && strings.Contains(has, or[0]) {
			return
		}
		select {
		case <-c.changed:
		case <-c.ended:
			if !strings.Contains(c.shown(), text) {
				c.t.Fatalf("it ended without %q: %q", text, c.shown())
			}
		case <-late:
			c.t.Fatalf("no %q in %q", text, c.shown())
		}
	}
}

func (c *console) types(text string) {
	c.t.Helper()
	if _, err := c.master.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// exits waits for the program's end and returns its exit code.
func (c *console) exits() int {
	c.t.Helper()
	select {
	case <-c.ended:
		return c.program.ProcessState.ExitCode()
	case <-time.After(patience):
		c.t.Fatalf("it does not end: %q", c.shown())
		return 0
	}
}

// plugin builds AWS's own plugin for sessions.
func plugin(t *testing.T) string {
	t.Helper()
	file := filepath.Join(folder(t), "session-manager-plugin")
	c := exec.Command("go", "build", "-o", file, "github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main")
	c.Dir, c.Env = filepath.Join("..", "tools", "session-manager-plugin"), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: AWS's session-manager-plugin cannot be built (cd tools/session-manager-plugin && "+
			"go mod download): %v\n%s", err, out)
	}
	return file
}

// testTerminal is what holds of a terminal in a sandbox wherever it runs.
func testTerminal(t *testing.T, i *instance, change ...func(*codebuild.CreateProjectInput)) {
	i.debugged(change...)
	c := i.console(t, i.program, "debug", "web")
	c.shows("It is ready")
	c.shows("$ ", "# ") // a shell may drop what is typed before its prompt
	c.types("stty size; echo \"${PWD##*/} $GREETING, $A\"; ls; tty >/dev/null; echo is''-tty\n")
	c.shows("30 100")
	c.shows("src hello, of the buildspec")
	c.shows("content.txt")
	c.shows("is-tty")
	c.types("echo \"the token $TOKEN\"\n")
	c.shows("the token ***")
	if strings.Contains(c.shown(), "swordfish") {
		t.Errorf("the secret is shown: %q", c.shown())
	}
	if err := pty.Setsize(c.master, &pty.Winsize{Cols: 72, Rows: 19}); err != nil {
		t.Fatal(err)
	}
	c.types("until [ \"$(stty size)\" = '19 72' ]; do :; done; echo resi''zed\n")
	c.shows("resized")
	c.types("sh -c 'echo beg\"\"un; exec sleep 1000'\n")
	c.shows("begun")
	c.types("\x03")
	c.types("echo status $((100+$?))\n")
	c.shows("status 230")
	// Much output, of which nothing is lost, and much input.
	c.types("seq 1 200000 | tail -c 200000 | cksum; seq 1 20000; echo al''l\n")
	c.shows("all\r\n")
	if !strings.Contains(c.shown(), "\r\n19998\r\n19999\r\n20000\r\n") {
		t.Error("output is lost")
	}
	c.types("exit 7\n")
	if code := c.exits(); code != 7 {
		t.Errorf("it ended with %d: %q", code, tail(c.shown(), 5))
	}
	i.sandboxesEnd(t)
}

// sandboxesEnd waits until all sandboxes have ended and left nothing.
func (i *instance) sandboxesEnd(t *testing.T) {
	t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	ids := must(c.ListSandboxes(t.Context(), &codebuild.ListSandboxesInput{}))(t).Ids
	eventually(t, "the sandboxes have ended", func() error {
		for _, x := range must(c.BatchGetSandboxes(t.Context(), &codebuild.BatchGetSandboxesInput{Ids: ids}))(t).Sandboxes {
			if left := i.left(*x.Id); x.EndTime == nil || left != "" {
				return errors.New(*x.Status + " " + left)
			}
		}
		return nil
	})
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	testTerminal(t, up(t))
}

func TestTerminalInAContainer(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := prepare(t, "")
	i.args = []string{"--engine", engine}
	i.start()
	testTerminal(t, i, inContainer)
}

// AWS's own plugin speaks with a sandbox. Its token is good for one connection.
func TestSessionManagerPlugin(t *testing.T) {
	t.Parallel()
	smp := plugin(t)
	i := up(t)
	i.inline("web", "version: 0.2\nphases: {build: {commands: [true]}}\n")
	k := i.keep("web")
	k.is("RUN_SANDBOX")
	out := must(k.sdk.StartSandboxConnection(t.Context(),
		&codebuild.StartSandboxConnectionInput{SandboxId: &k.id}))(t).SsmSession
	answer := must(json.Marshal(map[string]string{"SessionId": *out.SessionId, "TokenValue": *out.TokenValue,
		"StreamUrl": *out.StreamUrl}))(t)
	c := i.console(t, smp, string(answer), region, "StartSession")
	c.shows("Starting session with SessionId: " + *out.SessionId)
	c.types("stty size; echo h''ere\n")
	c.shows("30 100")
	c.shows("here")
	c.types("seq 1 5000; echo al''l\n")
	c.shows("all\r")
	if !strings.Contains(strings.ReplaceAll(c.shown(), "\r", ""), "\n4998\n4999\n5000\n") {
		t.Error("output is lost")
	}
	again := i.console(t, smp, string(answer), region, "StartSession")
	again.shows("was used already")
	again.exits()
	c.types("exit\n")
	c.shows("Exiting session with sessionId: " + *out.SessionId)
	if code := c.exits(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	answer = []byte(strings.Replace(string(answer), *out.TokenValue, "guessed", 1))
	wrong := i.console(t, smp, string(answer), region, "StartSession")
	wrong.shows("its token is not valid")
	wrong.exits()
	k.stop()
	k.is("STOPPED")
}

// A terminal ends with a clear word when its sandbox, its server or its runner does, and leaves nothing.
func TestTerminalsEnd(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.start()
	i.inline("web", "version: 0.2\nphases: {build: {commands: [true]}}\n")
	k := i.keep("web")
	k.is("RUN_SANDBOX")
	open := func() *console {
		c := i.console(t, i.program, "debug", k.id)
		c.shows("It is ready")
		c.types("sleep 1000 & echo op''en\n")
		c.shows("open")
		return c
	}
	c := open()
	i.killProcess("server")
	c.exits()
	has(t, c.shown(), "the connection to the server is lost, and the terminal with it")
	i.ready()
	k.is("RUN_SANDBOX") // it is told of again
	c = open()
	c.types("\r~.")
	c.exits()
	c = open()
	k.stop()
	c.exits()
	has(t, c.shown(), "The sandbox was stopped.")
	k.is("STOPPED")
	k = i.keep("web")
	k.is("RUN_SANDBOX")
	c = open()
	i.killProcess("runner")
	c.exits()
	has(t, c.shown(), "The connection to the runner is lost, and the terminal with it.")
	k.is("FAULT")
	i.sandboxesEnd(t)
}
