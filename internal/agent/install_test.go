package agent

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/spec/appspec"

	cmd "slipway/api/codedeploycommand"
)

// site is a host's root with an agent, and a deployment whose revision is unpacked.
type site struct {
	*agent
	t *testing.T
	s *specification
}

func newSite(t *testing.T) *site {
	t.Helper()
	root := filepath.Join(t.TempDir(), "host")
	a := &agent{Config: Config{Root: root, Log: slog.New(slog.DiscardHandler)}, paths: paths{root},
		busy: map[string]chan struct{}{}}
	a.logs.dir = a.deploymentLogs()
	t.Cleanup(a.logs.close)
	for _, dir := range []string{a.instructions(), a.ongoing(), a.state()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &specification{DeploymentId: "d-AAAAAAAAA", DeploymentGroupId: "group", ApplicationName: "shop",
		DeploymentGroupName: "prod", DeploymentCreator: "user", DeploymentType: "IN_PLACE",
		AppSpecFilename: "appspec.yml"}
	s.Revision.S3Revision.Bucket = "bundles"
	return &site{a, t, s}
}

// revision puts an unpacked revision in its place.
func (x *site) revision(files map[string]string) {
	x.t.Helper()
	dir := x.real(archiveOf(x.s.dir()))
	if err := os.RemoveAll(dir); err != nil {
		x.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		x.t.Fatal(err)
	}
	for name, content := range files {
		x.file(filepath.Join(archiveOf(x.s.dir()), name), content)
	}
}

// file writes a file of the host.
func (x *site) file(name, content string) {
	x.t.Helper()
	path := x.real(name)
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		x.t.Fatal(err)
	}
}

func (x *site) output(event string) *output {
	x.t.Helper()
	o, err := x.openOutput(x.s, &cmd.HostCommandInstance{CommandName: &event, HostCommandIdentifier: new("id")})
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(o.close)
	return o
}

func (x *site) install() error { return x.agent.install(x.s, x.output("Install")) }

// tree lists the files and folders of the host outside of the agent's own.
func (x *site) tree() []string {
	x.t.Helper()
	var all []string
	err := filepath.WalkDir(x.Root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(x.Root, path)
		if rel == "opt" {
			return filepath.SkipDir
		}
		if d.IsDir() {
			rel += "/"
		}
		all = append(all, rel)
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return all[1:]
}

const whole = "version: 0.0\nos: linux\nfiles:\n- {source: /, destination: /srv/app}\n"

func TestInstallAndInstallAgain(t *testing.T) {
	x := newSite(t)
	x.revision(map[string]string{"appspec.yml": whole, "a": "1", "old/b": "1"})
	if err := x.install(); err != nil {
		t.Fatal(err)
	}
	if got := x.tree(); !slices.Equal(got,
		[]string{"srv/", "srv/app/", "srv/app/a", "srv/app/appspec.yml", "srv/app/old/", "srv/app/old/b"}) {
		t.Fatal(got)
	}
	marker, err := os.ReadFile(x.lastSuccessful("group"))
	if err != nil || string(marker) != "/opt/codedeploy-agent/deployment-root/group/d-AAAAAAAAA" {
		t.Fatalf("%s %v", marker, err)
	}
	var plan struct{ Instructions []map[string]any }
	text, err := os.ReadFile(x.installFile("group"))
	if err != nil || json.Unmarshal(text, &plan) != nil || plan.Instructions[0]["type"] != "mkdir" ||
		plan.Instructions[0]["directory"] != "/srv" {
		t.Fatalf("%s %v", text, err)
	}
	// Somebody else's file keeps its folder; a line that was cut off counts for nothing.
	x.file("/srv/app/old/theirs", "x")
	cleanup, err := os.OpenFile(x.cleanupFile("group"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cleanup.WriteString("/srv/app/old/theirs"); err != nil {
		t.Fatal(err)
	}
	_ = cleanup.Close()
	x.s.DeploymentId = "d-BBBBBBBBB"
	x.revision(map[string]string{"appspec.yml": whole, "a": "2"})
	if err := x.install(); err != nil {
		t.Fatal(err)
	}
	if got := x.tree(); !slices.Equal(got,
		[]string{"srv/", "srv/app/", "srv/app/a", "srv/app/appspec.yml", "srv/app/old/", "srv/app/old/theirs"}) {
		t.Fatal(got)
	}
}

func TestFileExistsBehavior(t *testing.T) {
	for _, c := range []struct{ option, spec, want, says string }{
		{"", "", "theirs", "a specified file already exists at this location: /srv/app/a"},
		{"DISALLOW", "", "theirs", "already exists"},
		{"OVERWRITE", "", "ours", ""}, {"RETAIN", "", "theirs", ""}, {"DISALLOW", "OVERWRITE", "ours", ""},
		{"OVERWRITE", "RETAIN", "theirs", ""}, {"MAYBE", "", "theirs", "must be DISALLOW, OVERWRITE or RETAIN"},
	} {
		t.Run(c.option+"/"+c.spec, func(t *testing.T) {
			x := newSite(t)
			spec := "version: 0.0\nos: linux\nfiles:\n- {source: a, destination: /srv/app}\n"
			if c.spec != "" {
				spec += "file_exists_behavior: " + c.spec + "\n"
			}
			x.s.AgentActionOverrides.AgentOverrides.FileExistsBehavior = c.option
			x.revision(map[string]string{"appspec.yml": spec, "a": "ours"})
			x.file("/srv/app/a", "theirs")
			err := x.install()
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatal(err)
			}
			if content, err := os.ReadFile(x.real("/srv/app/a")); err != nil || string(content) != c.want {
				t.Fatalf("%s %v", content, err)
			}
		})
	}
}

func TestNothingIsWrittenOutsideOfTheRoot(t *testing.T) {
	outside := t.TempDir()
	for name, link := range map[string]string{"a folder": "/srv", "a file": "/srv/app/a"} {
		t.Run(name, func(t *testing.T) {
			x := newSite(t)
			x.s.AgentActionOverrides.AgentOverrides.FileExistsBehavior = "OVERWRITE"
			x.revision(map[string]string{"appspec.yml": whole, "a": "evil"})
			if err := os.MkdirAll(filepath.Dir(x.real(link)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(outside, "target"), x.real(link)); err != nil {
				t.Fatal(err)
			}
			if err := x.install(); err == nil || !strings.Contains(err.Error(), "leads out of the root") {
				t.Fatal(err)
			}
			if found, err := os.ReadDir(outside); err != nil || len(found) > 0 {
				t.Fatalf("%v %v", found, err)
			}
		})
	}
	x := newSite(t)
	x.revision(
		map[string]string{"appspec.yml": "version: 0.0\nos: linux\nfiles:\n- {source: a, destination: ../../../up}\n",
			"a": "1"})
	if err := x.install(); err != nil {
		t.Fatal(err)
	}
	if got := x.tree(); !slices.Equal(got, []string{"up/", "up/a"}) {
		t.Fatal(got)
	}
}

func TestInstallRefusals(t *testing.T) {
	for name, c := range map[string]struct{ spec, says string }{
		"same destination": {"files:\n- {source: a, destination: /x}\n- {source: d/a, destination: /x}\n",
			"would be installed as /x/a; remove one of them"},
		"no source": {"files:\n- {source: none, destination: /x}\n",
			`the source "none" (line 4) is not in the bundle`},
		"source outside": {"files:\n- {source: ../../../logs, destination: /x}\n", "is not in the bundle"},
		"permission twice": {
			"files:\n- {source: d, destination: /x}\npermissions:\n- {object: /x/a}\n- {object: /x, pattern: '*'}\n",
			"the permissions of /x/a are set twice, by lines 6 and 7",
		},
		"pattern of a file": {
			"files:\n- {source: d, destination: /x}\npermissions:\n- {object: /x/a, pattern: '*'}\n",
			"patterns are for folders",
		},
		"except of a file": {
			"files:\n- {source: d, destination: /x}\npermissions:\n- {object: /x/a, except: ['*']}\n",
			"exceptions are for folders",
		},
		"default acl of a file": {
			"files:\n- {source: d, destination: /x}\npermissions:\n- {object: /x/a, acls: ['d:u:root:rw']}\n",
			"is for folders; /x/a is a file",
		},
		"owner that is not here": {
			"files:\n- {source: d, destination: /x}\npermissions:\n- {object: /x/a, owner: nobody-of-that-name}\n",
			"unknown user nobody-of-that-name",
		},
		"unknown event": {"hooks:\n  AfterDinner:\n  - location: a\n",
			`appspec.yml:4:3: unknown lifecycle event "AfterDinner"`},
	} {
		t.Run(name, func(t *testing.T) {
			x := newSite(t)
			x.s.LifecycleEvents = append(appspec.Events(), "DownloadBundle", "Install")
			x.revision(map[string]string{"appspec.yml": "version: 0.0\nos: linux\n" + c.spec, "a": "1", "d/a": "1"})
			if err := x.install(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v; want %s", err, c.says)
			}
			if exists(x.lastSuccessful("group")) {
				t.Error("it counts as installed")
			}
		})
	}
}

func TestPermissions(t *testing.T) {
	x := newSite(t)
	x.revision(map[string]string{"appspec.yml": whole + `permissions:
- {object: /srv/app, pattern: "*.sh", except: ["no*"], mode: 750, type: [file]}
- {object: /srv/app, pattern: "s*", mode: 1700, type: [directory]}
- {object: /srv/app/deep/x.sh, mode: 4, type: [file]}
`, "run.sh": "1", "no.sh": "1", "deep/x.sh": "1", "s/y.sh": "1"})
	if err := x.install(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"run.sh": 0o750, "no.sh": 0o644, "deep/x.sh": 0o004,
		"s": fs.ModeDir | fs.ModeSticky | 0o700, "s/y.sh": 0o644, "deep": fs.ModeDir | 0o755} {
		if info, err := os.Stat(x.real("/srv/app/" + name)); err != nil || info.Mode() != want {
			t.Errorf("%s is %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestFullACL(t *testing.T) {
	parse := func(texts ...string) (aces []appspec.ACE) {
		for _, text := range texts {
			a, err := appspec.ParseACE(text)
			if err != nil {
				t.Fatal(err)
			}
			aces = append(aces, a)
		}
		return aces
	}
	got := fullACL(parse("u:jane:rw", "d:g:ops:7"), 0o754)
	want := []string{"user:jane:rw-", "default:group:ops:rwx", "user::rwx", "group::r-x", "other::r--", "mask::r-x",
		"default:user::rwx", "default:group::r-x", "default:other::r--", "default:mask::r-x"}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}

func TestACLsNeedTheirProgram(t *testing.T) {
	x := newSite(t)
	t.Setenv("PATH", t.TempDir())
	x.revision(map[string]string{"appspec.yml": whole + "permissions:\n- {object: /srv/app/a, acls: ['u:root:rw']}\n",
		"a": "1"})
	if err := x.install(); err == nil ||
		!strings.Contains(err.Error(), "the acls of /srv/app/a: setfacl is not installed on this host") {
		t.Fatal(err)
	}
}

func TestFiveArchivesStay(t *testing.T) {
	x := newSite(t)
	for _, id := range []string{"d-1", "d-2", "d-3", "d-4", "d-5", "d-6", "d-7"} {
		x.file("/opt/codedeploy-agent/deployment-root/group/"+id+"/bundle.tar", id)
	}
	x.file("/opt/codedeploy-agent/deployment-root/deployment-instructions/group_last_successful_install",
		"/opt/codedeploy-agent/deployment-root/group/d-1")
	x.s.DeploymentId = "d-8"
	if err := x.removeOldArchives(x.s); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(x.root(), "group"))
	if err != nil || len(entries) != 4 || entries[0].Name() != "d-1" {
		t.Fatalf("%v %v", entries, err)
	}
}
