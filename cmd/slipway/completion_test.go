package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/creack/pty"
)

// TestCompletion lets the shells complete a line.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"slipway buil", "builds"}, {"slipway builds -o js", "json"}, {"slipway builds --lim", "--limit"},
		{"slipway completion z", "zsh"},
	} {
		t.Run(c.line, func(t *testing.T) {
			for shell, script := range map[string]string{
				"bash": `eval "$(slipway completion bash)"; COMP_LINE="$LINE"; COMP_POINT=${#LINE}; _slipway; printf '%s\n' "${COMPREPLY[@]}"`,
				"fish": `slipway completion fish | source; complete -C "$LINE" | string split -f1 \t`,
			} {
				if _, err := exec.LookPath(shell); err != nil {
					t.Logf("SKIPPED: there is no %s here. Install it with: apt install %s", shell, shell)
					continue
				}
				run := exec.Command(shell, "-c", script)
				run.Env = append(os.Environ(), "LINE="+c.line, "HOME="+t.TempDir())
				out, err := run.CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
					t.Errorf("%s completes %q as %q, not %q (%v)", shell, c.line, got, c.want, err)
				}
			}
		})
	}
	t.Run("zsh", zsh)
}

// zsh completes only for somebody who types.
func zsh(t *testing.T) {
	if _, err := exec.LookPath("zsh"); err != nil {
		t.Skip("SKIPPED: there is no zsh here. Install it with: apt install zsh")
	}
	c := exec.Command("zsh", "-f", "-i")
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=xterm", "PS1=> ")
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait(); _ = terminal.Close() }()
	screen := &seen{changed: make(chan struct{}, 1)}
	go func() { _, _ = screen.ReadFrom(terminal) }()
	shows := func(what string) {
		t.Helper()
		late := time.After(patience)
		for {
			screen.mu.Lock()
			all := screen.all.String()
			screen.mu.Unlock()
			if strings.Contains(all, what) {
				return
			}
			select {
			case <-screen.changed:
			case <-late:
				t.Fatalf("no %q in %q", what, all)
			}
		}
	}
	write := func(text string) {
		if _, err := terminal.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("autoload -U compinit; compinit -u; eval \"$(slipway completion zsh)\"; echo prep''ared\n")
	shows("prepared")
	write("slipway buil\t")
	shows("slipway builds")
	write("\x15slipway re\t\t") // all that may follow, with what they do
	shows("repositories")
	shows("List test reports")
}

// TestHelp makes sure that each command says what it does, and shows it.
func TestHelp(t *testing.T) {
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range parser.Model.Children {
		if n.Hidden || n.Name == "version" {
			continue
		}
		if n.Help == "" ||
			!strings.Contains(n.Detail, "\n  slipway "+n.Name) && n.Name != "git-credential" && n.Name != "completion" {
			t.Errorf("slipway %s --help has no example:\n%s", n.Name, n.Detail)
		}
	}
}
