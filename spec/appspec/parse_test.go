package appspec

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway/spec/yamlfile"
)

const corpus = "../../../shared/corpus/appspec"

// refused are the files of the corpus that do not hold, with each mistake and its place. All others must hold.
var refused = map[string]string{
	"005.yaml": "2:1: os is for servers; a file with Resources is for ECS or Lambda\n4:1: files is for servers; a " +
		"file with Resources is for ECS or Lambda",
	"006.yaml": "1:1: the file is not valid YAML: unexpected key name",
	"007.yaml": `23:7: "LifeCycleEvent" is no hook of Lambda; there are BeforeAllowTraffic, AfterAllowTraffic`,
	"009.json": "1:1: version is missing; write version: 0.0\n10:30: ContainerPort must be a port, 1 to 65535, not " +
		"\"<CONTAINER_PORT>\"",
	"011.yaml": "1:10: version must be 0.0, the only version there is",
	"017.yml":  "1:1: version is missing; write version: 0.0",
	"019.json": `14:17: except must be a list, not a text
17:15: mode must be one to four octal digits, like 644, not "mode-specification"
19:9: acl "acls-specification": an entry has two to four parts between colons
24:18: range "range-specification": "range" is not s and a number
27:9: a type must be file or directory, not "object-type"`,
	"020.json": `8:29: TaskDefinition is empty
9:11: TargetService has no LoadBalancerInfo.ContainerPort
10:30: ContainerName is empty
32:24: the hook BeforeInstall names no Lambda function
35:23: the hook AfterInstall names no Lambda function
38:32: the hook AfterAllowTestTraffic names no Lambda function
41:29: the hook BeforeAllowTraffic names no Lambda function
44:28: the hook AfterAllowTraffic names no Lambda function`,
	"023.yml": `13:7: the hook BeforeInstall of ECS must be the name or ARN of a Lambda function, not a list
17:7: the hook AfterInstall of ECS must be the name or ARN of a Lambda function, not a list
20:5: "ApplicationStart" is no hook of ECS; there are BeforeInstall, AfterInstall, AfterAllowTestTraffic, BeforeAllowTraffic, AfterAllowTraffic
24:5: "ApplicationStop" is no hook of ECS; there are BeforeInstall, AfterInstall, AfterAllowTestTraffic, BeforeAllowTraffic, AfterAllowTraffic
29:7: the hook BeforeAllowTraffic of ECS must be the name or ARN of a Lambda function, not a list
33:7: the hook AfterAllowTraffic of ECS must be the name or ARN of a Lambda function, not a list`,
	"027.json": "2:16: version must be 0.0, the only version there is",
	"028.yml":  "5:7: myLambdaFunction has no CurrentVersion\n5:7: myLambdaFunction has no TargetVersion",
	"037.yml":  "22:5: " + unknownCustom,
	"038.yml":  "14:5: " + unknownCustom,
}

const unknownCustom = `unknown lifecycle event "CustomEvent"; scripts can be run at BeforeBlockTraffic, AfterBlockTraffic, ApplicationStop, BeforeInstall, AfterInstall, ApplicationStart, ValidateService, BeforeAllowTraffic, AfterAllowTraffic`

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no corpus at %s", corpus)
	}
	index, err := os.ReadFile(filepath.Join(corpus, "..", "INDEX.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			name := filepath.Base(path)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Validate("f", text)
			want := refused[name]
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), "f:", "")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
			if want != "" {
				return
			}
			s, err := Parse("f", text)
			if err != nil {
				t.Fatal(err)
			}
			checkFeatures(t, s, featuresOf(string(index), name))
		})
	}
}

// featuresOf finds what people who read the file by eye saw in it.
func featuresOf(index, name string) []string {
	for line := range strings.Lines(index) {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(columns[0], "appspec/"+name) {
			return strings.Split(columns[len(columns)-1], "; ")
		}
	}
	return nil
}

func checkFeatures(t *testing.T, s *Spec, features []string) {
	t.Helper()
	for _, f := range features {
		key, value, _ := strings.Cut(f, ":")
		switch key {
		case "server":
			if s.Platform != Server || s.OS != value {
				t.Errorf("%s: read as %s %s", f, s.Platform, s.OS)
			}
		case "ecs", "lambda":
			if !strings.EqualFold(string(s.Platform), key) || len(s.Resources) == 0 {
				t.Errorf("%s: read as %s", f, s.Platform)
			}
		case "files":
			if len(s.Files) == 0 {
				t.Error("no files read")
			}
		case "permissions":
			if len(s.Permissions) == 0 {
				t.Error("no permissions read")
			}
		case "hooks":
			for event := range strings.SplitSeq(value, "+") {
				if s.Scripts(event) == nil &&
					!slices.ContainsFunc(s.Functions, func(f Function) bool { return f.Event == event }) {
					t.Errorf("hook %s not read", event)
				}
			}
		case "runas":
			if !slices.ContainsFunc(s.Hooks, func(h Hook) bool {
				return slices.ContainsFunc(h.Scripts, func(s Script) bool { return s.RunAs != "" })
			}) {
				t.Error("runas not read")
			}
		}
		if strings.HasPrefix(f, "!") && len(s.Warnings) == 0 {
			t.Errorf("nothing said of the defect %s", f)
		}
		if b, ok := strings.CutPrefix(f, "file_exists_behavior="); ok && s.FileExistsBehavior != b {
			t.Errorf("%s: read %q", f, s.FileExistsBehavior)
		}
	}
}

func TestServer(t *testing.T) {
	s, err := Parse("appspec.yml", []byte(`version: 0.0
os: linux
files:
  - source: /
    destination: /srv/app
  - {source: conf/app.conf, destination: /etc/app}
file_exists_behavior: RETAIN
permissions:
  - object: /srv/app
    pattern: "*.sh"
    except: [a.sh, "b*"]
    owner: app
    group: www
    mode: 755
    type: [file]
    acls: ["u:jane:rw", "d:group:ops:7", "m::r-x"]
    context: {user: system_u, type: httpd_t, range: "s0-s0:c3,c0.c2"}
hooks:
  ApplicationStop:
  AfterInstall:
    - location: scripts/a.sh
      timeout: "30s"
      runas: app
    - location: scripts/b.sh
      sudo: true
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Spec{Platform: Server, OS: "linux", FileExistsBehavior: "RETAIN",
		Files: []File{{Place{Line: 4, Column: 5}, "/", "/srv/app"},
			{Place{Line: 6, Column: 5}, "conf/app.conf", "/etc/app"}},
		Permissions: []Permission{{Place: Place{Line: 9, Column: 5}, Object: "/srv/app", Pattern: "*.sh",
			Except: []string{"a.sh", "b*"}, Types: []string{"file"},
			Owner: "app", Group: "www", Mode: "755",
			ACLs: []ACE{{Kind: "user", Name: "jane", Perms: "rw-"},
				{Default: true, Kind: "group", Name: "ops", Perms: "rwx"}, {Kind: "mask", Perms: "r-x"}},
			Context: &Context{User: "system_u", Type: "httpd_t", Range: "s0:c0.c3"}}},
		Hooks: []Hook{{Place{Line: 20, Column: 3}, "AfterInstall",
			[]Script{{Place{Line: 21, Column: 7}, "scripts/a.sh", 30, "app", false},
				{Place{Line: 24, Column: 7}, "scripts/b.sh", 3600, "", true}}}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty": {"", "1:1: the file is empty; it needs at least version and os (or Resources)"},
		"only a comment": {"# nothing\n",
			"1:1: the file is empty; it needs at least version and os (or Resources)"},
		"a list": {"- a\n", "1:1: the file must be a mapping (key: value), not a list"},
		"all at once": {"files: x\n",
			"1:1: version is missing; write version: 0.0\n1:1: os is missing; write os: linux (or os: windows, or " +
				"Resources for ECS and Lambda)\n1:8: files must be a list, not a text"},
		"quoted version": {"version: '0.0'\nos: linux\n",
			"1:10: version must be the number 0.0, without quotes: AWS's agent refuses a text"},
		"other os": {"version: 0.0\nos: Linux\n", `2:5: os must be linux or windows, not "Linux"`},
		"small letters": {"version: 0.0\nos: linux\nfile_exists_behavior: overwrite\n",
			`3:23: file_exists_behavior must be DISALLOW, OVERWRITE or RETAIN, in capitals, not "overwrite"`},
		"no destination": {"version: 0.0\nos: linux\nfiles:\n  - source: a\n",
			"4:5: an entry of files has no destination"},
		"same file twice": {
			"version: 0.0\nos: linux\nfiles:\n  - source: a\n    destination: /b\n  - source: a\n    destination: " +
				"/b/\n", `6:5: "a" is copied to "/b/" a second time; line 4 does so already`,
		},
		"no location": {"version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - timeout: 3\n",
			"5:7: a script has no location"},
		"no timeout": {"version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - {location: a, timeout: soon}\n",
			`5:30: timeout must be a number of seconds above 0, not "soon"`},
		"reserved": {"version: 0.0\nos: linux\nhooks:\n  Install:\n    - {location: a}\n",
			"4:3: no script can be run at Install: CodeDeploy does that event itself"},
		"hook is a mapping": {"version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    location: a\n",
			"5:5: the hook AfterInstall must be a list, not a mapping"},
		"mode": {"version: 0.0\nos: linux\npermissions:\n  - object: /a\n    mode: 00755\n",
			`5:11: mode must be one to four octal digits, like 644, not "00755"`},
		"role": {
			"version: 0.0\nos: linux\npermissions:\n  - object: /a\n    context: {type: t, role: r}\n",
			"5:24: a context can't have a role; remove it",
		},
		"windows": {"version: 0.0\nos: windows\npermissions:\n  - object: /a\n",
			"3:1: permissions are for os: linux alone"},
		"permission twice": {"version: 0.0\nos: linux\npermissions:\n  - object: /a\n  - object: /a/\n",
			`5:5: the permissions of "/a/" are set a second time; line 4 does so already`},
		"base acl": {"version: 0.0\nos: linux\npermissions:\n  - object: /a\n    acls: [\"u::rwx\"]\n",
			`5:12: acl "u::rwx": use mode for the owner, the owning group and all others`},
		"bad encoding": {"version: 0.0\nos: \xff\n", "2:5: the file is not UTF-8 text; save it in that encoding"},
		"alias to nowhere": {"version: 0.0\nos: *nowhere\n",
			"2:1: os is missing; write os: linux (or os: windows, or Resources for ECS and Lambda)\n2:5: the alias " +
				"*nowhere has no anchor"},
		"two platforms": {
			"version: 0.0\nResources:\n- a:\n    Type: AWS::Lambda::Function\n    Properties: {Name: a, Alias: b, " +
				"CurrentVersion: 1, TargetVersion: 2}\n- b:\n    Type: AWS::ECS::Service\n    Properties: {}\n",
			"7:11: a file is for ECS or for Lambda, not for both",
		},
		"wrong indentation": {"version: 0.0\nResources:\n- a:\n  Type: AWS::Lambda::Function\n",
			"3:3: a resource must be one name with Type and Properties below, indented further"},
		"too large": {strings.Repeat("#", yamlfile.MaxSize+1),
			"1:1: the file has 1048577 bytes; it may have 1048576"},
		"lambda as a server": {"version: 0.0\nos: linux\nResources: []\n",
			"2:1: os is for servers; a file with Resources is for ECS or Lambda\n3:1: Resources is empty; it needs a " +
				"list with a target"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(c.want, strings.ReplaceAll(err.Error(), "f:", "")); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestValidate tells all that is wrong at once: mistakes, events that there are not, and what means nothing.
func TestValidate(t *testing.T) {
	warnings, err := Validate("f",
		[]byte(
			"version: 0.0\nos: linx\nhooks:\n  BeforeInstal:\n    - location: a\n      timeout: soon\n  Nothing: "+
				"[]\nextra: 1\n"))
	if err == nil {
		t.Fatal("accepted")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		place, _, _ := strings.Cut(line, ": ")
		got = append(got, place)
	}
	if diff := cmp.Diff([]string{"f:2:5", "f:4:3", "f:6:16", "f:7:3"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(warnings) != 1 || warnings[0].Line != 8 {
		t.Errorf("warnings %v", warnings)
	}
	if _, err := Validate("f", []byte("version: 0.0\nos: linux\n")); err != nil {
		t.Error(err)
	}
}

func TestAliasesAndRepeatedMembers(t *testing.T) {
	s, err := Parse("f",
		[]byte(
			"version: 0.0\nos: windows\nos: linux\nhooks:\n  BeforeInstall: &same\n    - location: a\n  AfterInstall: "+
				"*same\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.OS != "linux" || len(s.Scripts("AfterInstall")) != 1 || len(s.Warnings) != 1 || s.Warnings[0].Line != 3 {
		t.Fatalf("%+v", s)
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, rel string
		want         bool
	}{
		{"**", "a/b/c", true}, {"*", "a", true}, {"*", "a/b", false}, {"*.sh", "a.sh", true},
		{"*.sh", "a.sh.bak", false}, {"a*c*e", "abcde", true},
		{"a*c*e", "abcd", false}, {"?", "a", false}, {"[a]", "a", false}, {"", "", true}, {"a**", "ab", true},
		{"**x", "yx", true}, {"*a*a*a*b", strings.Repeat("a", 3000), false},
	} {
		if got := (Permission{Pattern: c.pattern}).Matches(c.rel); got != c.want {
			t.Errorf("%q matches %.20q: %v", c.pattern, c.rel, got)
		}
	}
	if (Permission{Pattern: "**", Except: []string{"*.log"}}).Matches("a.log") ||
		!(Permission{Pattern: "**", Except: []string{"*.log"}}).Matches("d/a.log") {
		t.Error("exceptions are for the object's own entries")
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(corpus, "*"))
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a, *a]\nversion: *a\n"))
	f.Add([]byte("<<: *x\nhooks: {<<: {a: 1}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Validate("f", text)
		if err == nil {
			if s, err := Parse("f", text); err != nil || s.Platform == "" {
				t.Fatalf("neither a specification nor an error: %v", err)
			}
			return
		}
		errs, ok := errors.AsType[Errors](err)
		if !ok || len(errs) == 0 {
			t.Fatalf("no Errors: %v", err)
		}
		lines := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + 2
		for _, e := range errs {
			if e.Line < 1 || e.Column < 1 || e.Line > lines || e.Message == "" {
				t.Fatalf("no place in the file: %v", e)
			}
		}
	})
}
