package buildspec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slipway/spec/yamlfile"
)

const whole = `version: 0.2
run-as: root
env:
  shell: bash
  variables: {A: "1", B: $PATH:/x, C: 0.10, D: , E: yes}
  exported-variables: [A, B]
  git-credential-helper: yes
proxy: {upload-artifacts: no, logs: yes}
phases:
  install:
    runtime-versions: {golang: 1.26}
    commands: echo one
  build:
    on-failure: RETRY-2-.*timeout.*
    commands:
      - "echo a: b"
      - |
        if true; then
          echo two
        fi
    finally:
      - echo at last
reports:
  unit:
    files: ['**/*.xml']
    base-directory: out
    file-format: JunitXml
  cover: {files: c.xml, file-format: COBERTURAXML}
artifacts:
  files: ['**/*']
  exclude-paths: [x/**]
  name: web-$(date +%F)
  base-directory: dist*
  discard-paths: true
  secondary-artifacts:
    docs: {files: [doc/**], name: d}
cache: {paths: [/root/.cache/**/*], key: k, fallback-keys: [a], action: restore}
batch:
  fast-fail: true
  build-matrix:
    static: {ignore-failure: true, env: {privileged-mode: true}}
    dynamic: {buildspec: [a.yml], env: {image: [i], variables: {V: [1, 2]}}}
`

func TestParse(t *testing.T) {
	s, err := Parse("buildspec.yml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Spec{
		File: "buildspec.yml", Version: "0.2", RunAs: "root",
		Env: Env{Shell: "bash",
			Variables: []Variable{{Name: "A", Value: "1"}, {Name: "B", Value: "$PATH:/x"}, {Name: "C", Value: "0.10"},
				{Name: "D"}, {Name: "E", Value: "yes"}},
			Exported: []string{"A", "B"}, GitCredentialHelper: true},
		Proxy: Proxy{Logs: true},
		Phases: Phases{
			Install: Phase{RuntimeVersions: []Variable{{Name: "golang", Value: "1.26"}},
				Commands: []Command{{Text: "echo one"}}},
			Build: Phase{OnFailure: OnFailure{Retry, 2, ".*timeout.*"},
				Commands: []Command{{Text: "echo a: b"}, {Text: "if true; then\n  echo two\nfi\n"}},
				Finally:  []Command{{Text: "echo at last"}}},
		},
		Reports: []Report{{Name: "unit", Format: "JUNITXML", Files: []string{"**/*.xml"}, BaseDirectory: "out"},
			{Name: "cover", Format: "COBERTURAXML", Files: []string{"c.xml"}}},
		Artifacts: &Artifacts{Artifact: Artifact{Files: []string{"**/*"}, ExcludePaths: []string{"x/**"},
			Name: "web-$(date +%F)", BaseDirectory: "dist*", DiscardPaths: true},
			Secondary: []Artifact{{Identifier: "docs", Files: []string{"doc/**"}, Name: "d"}}},
		Cache: &Cache{Key: "k", FallbackKeys: []string{"a"}, Paths: []string{"/root/.cache/**/*"}, Restore: true},
		Batch: &Batch{FastFail: true,
			Matrix: &Matrix{IgnoreFailure: true, Env: BatchEnv{PrivilegedMode: new(true)}, Buildspec: []string{"a.yml"},
				Image:     []string{"i"},
				Variables: []Values{{"V", []string{"1", "2"}}}}},
	}
	if d := cmp.Diff(want, s, cmpopts.IgnoreTypes(Place{}), cmpopts.IgnoreUnexported(Spec{})); d != "" {
		t.Error(d)
	}
	if at := s.Phases.Build.Commands[1].Place; at != (Place{Line: 17, Column: 9}) {
		t.Errorf("the second command of build stands at %v", at)
	}
	var what []string
	for _, u := range s.Unsupported() {
		if u.Line == 0 || u.Why == "" || u.Refuse {
			t.Errorf("%+v", u)
		}
		what = append(what, u.What)
	}
	if got := strings.Join(what,
		" "); got != "proxy phases.install.runtime-versions" {
		t.Error(got)
	}
}

// told is all that is said of a file, warnings and mistakes.
func told(text []byte) string {
	_, warnings, err := Validate("f", text)
	all := slices.Clone(warnings)
	if errs, ok := errors.AsType[Errors](err); ok {
		all = append(all, errs...)
	}
	if len(all) == 0 {
		return ""
	}
	return inOrder(all).Error()
}

func TestUnknownKeysStopNoBuild(t *testing.T) {
	s, err := Parse("f",
		[]byte(
			"version: 0.2\nenv: {shell: bash, compute-type: X}\nphases:\n  build:\n    env: {}\n    commands: [echo "+
				"a]\ncache: {type: LOCAL, paths: [a]}\n"))
	if err != nil || len(s.Phases.Build.Commands) != 1 || len(s.Warnings) != 3 {
		t.Fatalf("%v: %+v", err, s)
	}
}

func TestSecondaryArtifactsNeedNoPrimaryOnes(t *testing.T) {
	s, err := Parse("f",
		[]byte("version: 0.2\nphases: {}\nartifacts:\n  secondary-artifacts:\n    one: {files: ['a']}\n"))
	if err != nil || len(s.Artifacts.Files) != 0 || len(s.Artifacts.Secondary) != 1 {
		t.Fatalf("%v: %+v", err, s)
	}
}

func TestEveryMistakeIsToldWithItsPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "f:1:1: the file is empty; it needs at least version: 0.2 and phases"},
		{"comment", "# nothing\n", "f:1:1: the file is empty; it needs at least version: 0.2 and phases"},
		{"text", "hello", "f:1:1: the file must be a mapping (key: value), not a text"},
		{"no version", "phases: {}\n", "f:1:1: version is missing; write version: 0.2"},
		{"several",
			"version: 0.3\nphases:\n  biuld:\n    commands: [x]\n  build:\n    comands: [x]\n    on-failure: " +
				"STOP\nfoo: 1\n",
			`f:1:10: version must be 0.2 (or 0.1), not "0.3"
f:3:3: unknown key "biuld" in phases is ignored: did you mean build?
f:6:5: unknown key "comands" in phases.build is ignored: did you mean commands?
f:7:17: phases.build.on-failure must be ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex, not "STOP"
f:8:1: unknown key "foo" in a build specification is ignored; known are artifacts, batch, cache, env, phases, proxy, reports, run-as, version`},
		{"command as map", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo ok\n      - echo a: b\n",
			`f:6:9: Expected Commands[1] to be of string type: found subkeys instead at line 6, value of the key tag on line 6 might be empty. YAML reads "a: b" as a key and a value; put the whole command in quotes`},
		{"twice", "version: 0.2\nphases: {build: {commands: [a]}}\nversion: 0.2\n",
			`f:3:1: "version" stands here a second time (first in line 1)`},
		{"secret exported",
			"version: 0.2\nenv:\n  secrets-manager: {S: a:b}\n  exported-variables: [S, AWS_X]\nphases: {}\n",
			"f:3:21: S is a secret and cannot be in env.exported-variables\nf:4:23: env.exported-variables: AWS_X " +
				"cannot be exported: names beginning with AWS_ are kept back"},
		{"reserved", "version: 0.2\nenv: {variables: {CODEBUILD_X: 1, 1a: 2}}\nphases: {}\n",
			"f:2:19: env.variables: names beginning with CODEBUILD_ are kept for CodeBuild's own variables\n" +
				`f:2:35: env.variables: "1a" is no name of a variable: it has letters, digits and _, and begins with no digit`},
		{"files missing", "version: 0.2\nphases: {}\nartifacts:\n  name: x\n",
			"f:3:1: artifacts has no files: name the files that are put out, such as '**/*'"},
		{"identifier", "version: 0.2\nphases: {}\nartifacts:\n  secondary-artifacts: {a-b: {files: x}}\n",
			`f:4:25: the identifier "a-b" must have letters, digits and _ only, at most 128`},
		{"circle",
			"version: 0.2\nbatch:\n  build-graph:\n    - {identifier: a, depend-on: [b]}\n    - {identifier: b, " +
				"depend-on: [a]}\n    - {identifier: c, depend-on: [d]}\n",
			"f:5:20: b depends on \"a\", which depends on it in turn\nf:6:20: c depends on \"d\", which is not in " +
				"the " +
				"graph: did you mean a?"},
		{"no utf-8", "version: 0.2\n# \xff\n", "f:2:3: the file is not UTF-8 text; save it in that encoding"},
		{"two documents", "version: 0.2\nphases: {}\n---\nversion: 0.2\n",
			"f:4:1: a second YAML document begins here; a build specification is one"},
		{"no anchor", "version: 0.2\nphases: *x\n", "f:2:9: the alias *x has no anchor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := told([]byte(c.text)); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestAnchorsAndOldVersions(t *testing.T) {
	s, err := Parse("f",
		[]byte(
			"version: 0.2\nphases:\n  build: &b\n    commands: &c [make]\n    on-failure: RETRY\n  post_build:\n    "+
				"<<: *b\n    on-failure: CONTINUE\n    finally: *c\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := s.Phases.PostBuild
	if len(p.Commands) != 1 || p.Commands[0].Text != "make" || len(p.Finally) != 1 || p.OnFailure.Action != Continue ||
		s.Phases.Build.OnFailure != (OnFailure{Retry, 3, ".*"}) {
		t.Errorf("%+v", s.Phases)
	}
	s, err = Parse("f",
		[]byte("version: 0.1\nenvironment_variables:\n  plaintext:\n    A: b\nphases:\n  build:\n    commands: make\n"))
	if err != nil || len(s.Env.Variables) != 1 {
		t.Fatal(s, err)
	}
}

func TestHostileFilesEndSoon(t *testing.T) {
	bomb := "version: 0.2\nenv:\n  variables: {A: x}\na0: &a0 [x,x]\n"
	for i := range 40 {
		bomb += strings.ReplaceAll("aN: &aN [*aM,*aM,*aM,*aM]\n", "N", string(rune('A'+i/26))+string(rune('a'+i%26)))
	}
	for name, text := range map[string]string{
		"flow":     strings.Repeat("[", 500_000),
		"block":    strings.Repeat("- ", 300_000) + "x",
		"keys":     strings.Repeat("? ", 300_000) + "x",
		"long":     strings.Repeat("x", yamlfile.MaxSize+1),
		"aliases":  bomb,
		"merge":    "a: &a\n  <<: *a\nversion: 0.2\nphases: *a\n",
		"itself":   "version: 0.2\nphases: &a *a\n",
		"indented": deep(),
		"commands": "version: 0.2\nphases:\n  build: &b\n    commands: &c [" + strings.Repeat("a,", 100_000) +
			"a]\n    finally: *c\n",
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() { _, err := Parse("f", []byte(text)); done <- err }()
			select {
			case err := <-done:
				if _, ok := errors.AsType[Errors](err); !ok {
					t.Errorf("accepted: %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it takes more than 30 s")
			}
		})
	}
}

func deep() string {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	files, _ := filepath.Glob(filepath.Join(corpus, "*"))
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("f", text)
		if (s == nil) == (err == nil) {
			t.Fatal("a specification or an error, not both")
		}
		if err != nil {
			for _, e := range err.(Errors) {
				if e.Line < 1 || e.Column < 1 || e.Message == "" {
					t.Fatalf("%+v", e)
				}
			}
			return
		}
		s.Unsupported()
	})
}

func TestFormatsOfReports(t *testing.T) {
	const text = "version: 0.2\nphases: {build: {commands: [a]}}\nreports:\n  unit: {files: a, file-format: %s}\n"
	s, err := Parse("f", fmt.Appendf(nil, text, "lCov"))
	if err != nil || s.Reports[0].Format != "LCOV" || !s.Reports[0].Coverage() {
		t.Errorf("%+v, %v", s, err)
	}
	want := `f:4:33: reports.unit.file-format must be one of CUCUMBERJSON, JUNITXML, NUNITXML, NUNIT3XML, TESTNGXML, ` +
		`VISUALSTUDIOTRX, CLOVERXML, COBERTURAXML, JACOCOXML, SIMPLECOV, TAP, GOTESTJSON, SARIF, PLAYWRIGHTJSON, NEWMANJSON, K6JSON, LCOV, GOCOVER, not "excel"`
	if got := told(fmt.Appendf(nil, text, "excel")); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
