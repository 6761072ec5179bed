package toolerror_test

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/spec/toolerror"
)

// real are programs that fail, run by the tool itself: what it writes today is what the rules must know.
var real = []struct {
	name, needs string
	files       map[string]string
	run, want   string
}{
	{"go build", "go", map[string]string{"go.mod": "module x\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {\n\ty\n}\n"},
		"go build ./...", "COMPILE_ERROR|Go|./main.go:4:2||undefined: y"},
	{"go vet", "go", map[string]string{"go.mod": "module x\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {\n\ty := 1\n}\n"},
		"go vet ./...", "COMPILE_ERROR|Go|./main.go:4:2||declared and not used: y"},
	{"go test", "go", map[string]string{"go.mod": "module x\n\ngo 1.21\n",
		"x_test.go": "package x\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) {\n\tt.Run(\"deep\", func(t *testing.T) { t.Error(\"no\") })\n}\n"},
		"go test ./...", "TEST_FAILURE|Go|x_test.go:6|TestX/deep|TestX/deep: no"},
	{"go panic", "go", map[string]string{"go.mod": "module x\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {\n\tpanic(\"no\")\n}\n"},
		"go run . 2>&1 | sed \"s|$PWD|.|\"; exit 1", "CRASH|Go|./main.go:4||no"},
	{"go module", "go", map[string]string{"go.mod": "module x\n\ngo 1.21\n", "main.go": "package main\n\nimport _ \"example.invalid/y\"\n\nfunc main() {}\n"},
		"GOFLAGS=-mod=mod GOPROXY=off go vet .", ""},
	{"python", "python3", map[string]string{"a.py": "import json\n\ndef f():\n    json.loads('{')\n\nf()\n"}, "python3 a.py 2>&1 | sed \"s|$PWD/||\"; exit 1",
		"CRASH|Python|a.py:4||json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
	{"python syntax", "python3", map[string]string{"a.py": "def f(:\n"}, "python3 a.py 2>&1 | sed \"s|$PWD/||\"; exit 1",
		"COMPILE_ERROR|Python|a.py:1||SyntaxError: invalid syntax"},
	{"python import", "python3", map[string]string{"a.py": "import flaskk\n"}, "python3 a.py 2>&1 | sed \"s|$PWD/||\"; exit 1",
		"MISSING_DEPENDENCY|Python|a.py:1|flaskk|ModuleNotFoundError: No module named 'flaskk'"},
	{"python program", "python3", map[string]string{"a.py": "import subprocess\nsubprocess.run(['gmakee'])\n"}, "python3 a.py 2>&1 | sed \"s|$PWD/||\"; exit 1",
		"MISSING_TOOL|Python|a.py:2|gmakee|FileNotFoundError: [Errno 2] No such file or directory: 'gmakee'"},
	{"unittest", "python3", map[string]string{"test_a.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        self.assertEqual(1, 2)\n"},
		"python3 -m unittest 2>&1 | sed \"s|$PWD/||\"; exit 1", "TEST_FAILURE|Python|test_a.py:5|test_x (test_a.T.test_x)|test_x (test_a.T.test_x): AssertionError: 1 != 2"},
	{"node", "node", map[string]string{"a.js": "function f() {\n  return x.y;\n}\nf();\n"}, "node a.js 2>&1 | sed \"s|$PWD/|/|\"; exit 1",
		"CRASH|Node|/a.js:2||ReferenceError: x is not defined"},
	{"node module", "node", map[string]string{"a.js": "require('left-padd');\n"}, "node a.js 2>&1 | sed \"s|$PWD/|/|\"; exit 1",
		"MISSING_DEPENDENCY|Node|/a.js:1:1|left-padd|Cannot find module 'left-padd'"},
	{"node syntax", "node", map[string]string{"a.js": "let x = ;\n"}, "node a.js 2>&1 | sed \"s|$PWD/|/|\"; exit 1",
		"CRASH|Node|/a.js:1||SyntaxError: Unexpected token ';'"},
	{"node memory", "node", map[string]string{"a.js": "const a=[]; for(;;) a.push(new Array(1000).fill('x'+a.length));\n"}, "node --max-old-space-size=20 a.js",
		"OUT_OF_MEMORY|Node|||JavaScript heap out of memory"},
	{"npm", "npm", map[string]string{"package.json": `{"name":"x","version":"1.0.0","scripts":{"a":"true"}}`}, "npm run biuld",
		`MISSING_FILE|npm||biuld|Missing script: "biuld"`},
	{"gcc", "gcc", map[string]string{"a.c": "int main(void) {\n  return y;\n}\n"}, "gcc a.c", "COMPILE_ERROR|C|a.c:2:10||'y' undeclared (first use in this function)"},
	{"gcc header", "gcc", map[string]string{"a.c": "#include \"zlibb.h\"\n"}, "gcc a.c", "MISSING_DEPENDENCY|C|a.c:1:10|zlibb.h|zlibb.h: No such file or directory"},
	{"ld", "gcc", map[string]string{"a.c": "int f(void);\nint main(void) { return f(); }\n"}, "gcc a.c", "COMPILE_ERROR|C|a.c|f|undefined reference to 'f'"},
	{"ld library", "gcc", map[string]string{"a.c": "int main(void) { return 0; }\n"}, "gcc a.c -lzz", "MISSING_DEPENDENCY|C||zz|cannot find -lzz"},
	{"make", "make", map[string]string{"Makefile": "all: b\n"}, "make", "MISSING_FILE|make||b|No rule to make target 'b', needed by 'all'.  Stop."},
	{"make runs gcc", "gcc", map[string]string{"Makefile": "all:\n\tgcc a.c\n", "a.c": "int main(void) {\n  return y;\n}\n"}, "make", "COMPILE_ERROR|C|a.c:2:10||'y' undeclared (first use in this function)"},
	{"rustc", "rustc", map[string]string{"a.rs": "fn main() {\n    let x: i32 = \"a\";\n}\n"}, "rustc a.rs", "COMPILE_ERROR|Rust|a.rs:2:18||mismatched types"},
	{"rust panic", "rustc", map[string]string{"a.rs": "fn main() {\n    panic!(\"no\");\n}\n"}, "rustc a.rs && ./a", "CRASH|Rust|a.rs:2:5||no"},
	{"javac", "javac", map[string]string{"A.java": "class A {\n  int f() { return x; }\n}\n"}, "javac A.java", "COMPILE_ERROR|Java|A.java:2||cannot find symbol"},
	{"java", "javac", map[string]string{"A.java": "class A {\n  public static void main(String[] a) { throw new IllegalStateException(\"no\"); }\n}\n"}, "javac A.java && java A",
		"CRASH|Java|A.java:2||java.lang.IllegalStateException: no"},
	{"bash", "bash", nil, "bash -c 'frobnicate --now'", "MISSING_TOOL|shell||frobnicate|frobnicate: command not found"},
	{"dash", "dash", nil, "dash -c 'frobnicate --now'", "MISSING_TOOL|shell||frobnicate|frobnicate: not found"},
	{"busybox", "busybox", nil, "busybox sh -c 'frobnicate --now'", "MISSING_TOOL|shell||frobnicate|frobnicate: not found"},
	{"zsh", "zsh", nil, "zsh -c 'frobnicate --now'", "MISSING_TOOL|shell||frobnicate|command not found: frobnicate"},
	{"env", "env", nil, "env frobnicate", "MISSING_TOOL|env||frobnicate|frobnicate': No such file or directory"},
	{"unbound", "bash", map[string]string{"a.sh": "set -u\necho $NOTHING\n"}, "bash a.sh", "ERROR|shell|a.sh:2|NOTHING|NOTHING: unbound variable"},
	{"syntax", "bash", map[string]string{"a.sh": "if true; then\nfi\n"}, "bash a.sh", "COMPILE_ERROR|shell|a.sh:2||syntax error near unexpected token 'fi'"},
	{"git", "git", nil, "git log", "ERROR|Git|||not a git repository (or any of the parent directories): .git"},
	{"git pathspec", "git", nil, "git init -q . && git checkout nowhere", "ERROR|Git||nowhere|pathspec 'nowhere' did not match any file(s) known to git"},
	{"disk", "dd", nil, "dd if=/dev/zero of=/dev/full count=1", "DISK_FULL||||dd: writing to '/dev/full': No space left on device"},
	{"curl", "curl", nil, "curl -sS http://nowhere.invalid/", "NETWORK|||nowhere.invalid|Could not resolve host: nowhere.invalid"},
}

// plain are quotation marks that depend on the locale and on the release of a tool.
var plain = strings.NewReplacer("‘", "'", "’", "'", "`", "'")

func TestFindInWhatToolsWrite(t *testing.T) {
	for _, c := range real {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.needs); err != nil {
				t.Skipf("SKIPPED: no %s here. Install it with: apt-get install -y %s", c.needs, packageOf(c.needs))
			}
			dir := t.TempDir()
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", c.run)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "RUST_BACKTRACE=0")
			out, err := cmd.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok {
				t.Fatalf("it ended with %v:\n%s", err, out)
			}
			found := toolerror.Find(lines(string(out)), exit.ExitCode())
			if c.want == "" {
				if found == nil || found.Kind != toolerror.MissingDependency {
					t.Errorf("found %s in\n%s", brief(found), out)
				}
				return
			}
			if got := plain.Replace(brief(found)); got != c.want {
				t.Errorf("found\n  %s, want\n  %s in\n%s", got, c.want, out)
			}
		})
	}
}

// packageOf is the package of Debian that has a program.
func packageOf(program string) string {
	named := map[string]string{"javac": "default-jdk-headless", "node": "nodejs", "go": "golang", "env": "coreutils",
		"dd": "coreutils", "busybox": "busybox-static"}
	return cmp.Or(named[program], program)
}
