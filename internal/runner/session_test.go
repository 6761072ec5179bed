package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"slipway/internal/runner/executor/host"
)

// constructs are commands that reach for the shell itself. Each runs in a build, and in a plain session of the same
// shell; what they write must be the same.
var constructs = []struct {
	name     string
	shell    string // "" is both
	commands []string
}{
	{"continue", "", []string{"test -f nofile || continue", "echo after"}},
	{"break", "", []string{"break", "echo after"}},
	{"continue in a loop", "", []string{"for i in 1 2; do test $i = 1 && continue; echo $i; done", "echo after"}},
	{"return in a function", "", []string{"f() { return 0; echo never; }", "f", "echo after"}},
	{"trace", "", []string{"set -x", "echo one", "A='a b'; echo \"$A\"", "set +x", "echo two"}},
	{"trace with -e", "", []string{"set -ex", "echo one", "false || echo two"}},
	{"verbose", "", []string{"set -v", "echo one", "echo two", "set +v", "echo four"}},
	{"trace to a descriptor", "bash",
		[]string{"exec 7>trace; BASH_XTRACEFD=7", "set -x", "echo one", "set +x", "exec 7>&-; grep -c echo trace"}},
	{"options", "",
		[]string{"set -f", "set -u; echo *", "case $- in *f*u*|*u*f*) echo both;; esac", "set +f",
			"case $- in *f*) echo f;; *) echo none;; esac"}},
	{"noclobber", "", []string{"echo a >f; set -C", "(echo b >f) 2>/dev/null || echo kept", "cat f"}},
	{"pipefail", "bash", []string{"set -o pipefail", "false | true || echo failed"}},
	{"shopt in the same command", "bash", []string{"touch a1 b1; shopt -s extglob\necho !(a*)"}},
	{"alias", "", []string{"alias hi='echo hello'", "alias"}},
	{"alias is used", "/bin/sh", []string{"alias hi='echo hello'", "hi there"}},
	{"descriptors", "",
		[]string{"exec 3>f", "echo three >&3", "exec 4<f 3>&-", "read -r l <&4; echo \"$l\"",
			"ls -l /proc/$$/fd 2>/dev/null | grep -c /f$"}},
	{"standard output", "", []string{"exec 5>&1 >f", "echo into", "exec >&5 5>&-; echo out", "cat f"}},
	{"standard error", "", []string{"exec 2>f", "echo into >&2", "exec 2>&1; cat f"}},
	{"standard input", "", []string{"printf 'one\\ntwo\\n' >f; exec <f", "read -r a; echo $a", "read -r b; echo $b"}},
	{"traps", "", []string{"trap 'echo term' TERM", "kill -TERM $$", "trap", "trap - TERM", "trap"}},
	{"EXIT trap", "", []string{"trap 'echo \"bye $?\"' EXIT", "echo first"}},
	{"DEBUG trap", "bash", []string{"trap 'echo \"+ $BASH_COMMAND\"' DEBUG", "trap - DEBUG; echo one"}},
	{"DEBUG trap goes on", "bash",
		[]string{"trap 'echo \"> $BASH_COMMAND\"' DEBUG", "echo one", "A=1; f() { echo f; }", "f"}},
	{"ERR trap", "bash", []string{"trap 'echo failed' ERR", "false || true", "false; true"}},
	{"trace in a function", "", []string{"f() { echo f; }; set -x", "f", "A=$(echo b)"}},
	{"trace of here documents", "", []string{"set -x\ncat <<'E'\na 'b\nE", "echo c"}},
	{"PS4", "bash", []string{"PS4='> '; set -x; set +x", "echo $PS4"}},
	{"positional parameters", "", []string{"set -- a 'b c'", "shift; echo \"$1\" $#"}},
	{"variables", "",
		[]string{"A=1; readonly R=2; B='it'\\''s'", "echo $A $R \"$B\"", "A=2 env | grep -c '^A=2'",
			"echo $A; unset A; echo ${A-none}"}},
	{"umask", "", []string{"umask 027", "umask"}},
	{"background job", "", []string{"(exit 3) &", "wait $! || echo $?"}},
	{"here document", "", []string{"cat <<'E'\n$A 'q' \"d\"\nE", "echo after"}},
	{"command substitution", "", []string{"A=$(echo 'a  b'; echo c)", "echo \"$A\""}},
	{"unset functions", "", []string{"f() { echo f; }; f", "unset -f f; command -v f || echo gone"}},
	{"names of builtins", "",
		[]string{"printf() { echo mine; }; trap() { echo mine; }; set() { echo mine; }", "printf x",
			"unset -f printf trap set; printf 'b\\n'"}},
	{"directory", "", []string{"mkdir d; cd d", "cd - >/dev/null; ls"}},
	{"times and hash", "", []string{"hash -r", "type cd | grep -c builtin"}},
	{"comment at the end", "", []string{"echo a # 'b", "echo c"}},
	{"backslash at the end", "", []string{"echo a \\\n  b", "echo c"}},
}

// noise is what a shell calls itself in its messages, and where it is.
var noise = regexp.MustCompile(`(?m)^[^ \n]*script(\.sh)?: (line )?\d+: (eval: )?`)

func TestCommandsRunAsInOneSession(t *testing.T) {
	for _, c := range constructs {
		for _, shell := range []string{"/bin/sh", "bash"} {
			if c.shell != "" && c.shell != shell {
				continue
			}
			t.Run(c.name+" in "+shell, func(t *testing.T) {
				t.Parallel()
				want := session(t, shell, c.commands)
				spec := "version: 0.2\nenv: {shell: " + shell + "}\nphases:\n  build:\n    commands:\n"
				for _, command := range c.commands {
					spec += "      - |\n        " + strings.ReplaceAll(command, "\n", "\n        ") + "\n"
				}
				r, log := runSpec(t, host.Plain(), spec)
				if got := noise.ReplaceAllString(written(log, c.commands), ""); got != want {
					t.Errorf("got  %q (%s)\nwant %q", got, r.Status, want)
				}
			})
		}
	}
}

// written is what the commands of a log wrote.
func written(log string, commands []string) string {
	for _, c := range commands {
		log = strings.Replace(log, "Running command "+c+"\n", "\n", 1)
	}
	return said(log)
}

// session runs the commands as a script.
func session(t *testing.T, shell string, commands []string) string {
	t.Helper()
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell, script)
	cmd.Dir = work
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("the plain session: %v", err)
	}
	return noise.ReplaceAllString(string(said), "")
}
