package actions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// tool is what an action of the family setup-* sets up.
type tool struct {
	shown    string   // in messages
	cache    string   // its folder in the tool cache
	programs []string // the first that is there counts
	args     []string // make it say its version
	input    string   // the input with the version; INPUT-file names a file with it
	files    []string // files that have it by default
	output   string
	home     string // the variable that says where it is
}

var tools = map[string]tool{
	"actions/setup-node": {shown: "Node", cache: "node", programs: []string{"node"}, args: []string{"--version"},
		input: "node-version", output: "node-version"},
	"actions/setup-python": {shown: "Python", cache: "Python", programs: []string{"python3", "python"},
		args: []string{"--version"}, input: "python-version", files: []string{".python-version"},
		output: "python-version", home: "pythonLocation"},
	"actions/setup-go": {shown: "Go", cache: "go", programs: []string{"go"}, args: []string{"version"},
		input: "go-version", output: "go-version"},
	"actions/setup-java": {shown: "Java", cache: "Java", programs: []string{"java"}, args: []string{"-version"},
		input: "java-version", output: "version", home: "JAVA_HOME"},
	"actions/setup-dotnet": {shown: ".NET", cache: "dotnet", programs: []string{"dotnet"}, args: []string{"--version"},
		input: "dotnet-version", output: "dotnet-version"},
	"ruby/setup-ruby": {shown: "Ruby", cache: "Ruby", programs: []string{"ruby"}, args: []string{"--version"},
		input: "ruby-version", files: []string{".ruby-version"}, output: "ruby-version"},
}

// found is a tool that the build has.
type found struct {
	file, version string
	cached        bool // it is in a tool cache, and not in the PATH
}

// hostedTools is the tool cache of GitHub's own images, which other images and machines may have too.
const hostedTools = "/opt/hostedtoolcache"

// setup answers actions/setup-*: it installs nothing, but finds the tool in the tool cache or in the PATH, and says
// which version is missing.
func setup(ctx context.Context, u *use) error {
	t := tools[u.of.action()]
	wanted, err := u.wanted(t)
	if err != nil {
		return err
	}
	env := u.f.environment(u.env, u.id, nil)
	all := u.f.j.tools(ctx, t, env)
	for _, w := range wanted {
		for _, f := range all {
			if satisfies(f.version, w) {
				u.chosen(t, f)
				return nil
			}
		}
	}
	var has []string
	for _, f := range all {
		has = append(has, f.version+" ("+f.file+")")
	}
	if has == nil {
		has = []string{"none"}
	}
	place := filepath.Join(hostedTools, t.cache, "VERSION", strings.ToLower(architecture()))
	return fmt.Errorf("%s %s is wanted, and the build has %s: use an image that has it, or put it into %s", t.shown,
		strings.Join(wanted, " or "), strings.Join(has, ", "), place)
}

// wanted are the versions that the step asks for: the input has one a line.
func (u *use) wanted(t tool) (all []string, err error) {
	given := u.input(t.input)
	file := u.input(t.input + "-file")
	if given == "" && file == "" {
		for _, name := range t.files {
			if _, err := os.Stat(inside(u.f.j.workspace, name)); err == nil {
				file = name
			}
		}
	}
	if given == "" && file != "" {
		if given, err = versionOf(inside(u.f.j.workspace, file)); err != nil {
			return nil, fmt.Errorf("%s-file: %w", t.input, err)
		}
	}
	for line := range strings.Lines(given) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	if all == nil {
		all = []string{"*"}
	}
	return all, nil
}

var (
	goLine     = regexp.MustCompile(`(?m)^go\s+([0-9.]+)`)
	nodeEngine = regexp.MustCompile(`(?s)"engines"\s*:\s*\{[^}]*"node"\s*:\s*"([^"]*)"`)
	toolLine   = regexp.MustCompile(`(?m)^(?:nodejs|node|python|golang|go|java|ruby)\s+(\S+)`)
)

// versionOf reads a version from go.mod, package.json, .tool-versions, or a file that has nothing else.
func versionOf(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	pattern := map[string]*regexp.Regexp{"go.mod": goLine, "go.work": goLine, "package.json": nodeEngine,
		".tool-versions": toolLine}[filepath.Base(file)]
	if pattern == nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		return strings.TrimPrefix(strings.TrimSpace(first), "v"), nil
	}
	m := pattern.FindSubmatch(text)
	if m == nil {
		return "", errors.New(file + " names no version")
	}
	if pattern == goLine {
		return ">=" + string(m[1]), nil // a newer Go builds it, too
	}
	return string(m[1]), nil
}

// cached are the versions in the tool cache, the newest first.
func (t tool) cached(dir string) (all []found) {
	arch := strings.ToLower(architecture())
	names, _ := filepath.Glob(filepath.Join(dir, t.cache, "*", arch))
	for _, name := range names {
		for _, p := range t.programs {
			for _, file := range []string{filepath.Join(name, "bin", p), filepath.Join(name, p)} {
				if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
					all = append(all, found{file, filepath.Base(filepath.Dir(name)), true})
				}
			}
		}
	}
	sortVersions(all)
	return all
}

var versionText = regexp.MustCompile(`[0-9]+(\.[0-9]+)*`)

// tools are the versions of a tool that the job has. Those of its container are in the PATH alone.
func (j *job) tools(ctx context.Context, t tool, env map[string]string) (all []found) {
	if j.inside == nil {
		all = append(t.cached(j.d.tools), t.cached(hostedTools)...)
	}
	for _, p := range t.programs {
		file, err := lookPath(p, env["PATH"])
		if j.inside != nil {
			file, err = p, nil
		}
		if err != nil {
			continue
		}
		if version := j.version(ctx, file, t, env); version != "" {
			all = append(all, found{file: file, version: version})
		}
	}
	return all
}

// version asks a program for its version, "" if it does not say one.
func (j *job) version(ctx context.Context, file string, t tool, env map[string]string) string {
	var said []string
	p := program{args: append([]string{file}, t.args...), dir: j.workspace, env: env}
	if err := j.execute(ctx, p, func(line string) { said = append(said, line) }); err != nil {
		return ""
	}
	return versionText.FindString(strings.Join(said, "\n"))
}

// chosen puts a tool before the others, and says which it is.
func (u *use) chosen(t tool, f found) {
	j := u.f.j
	dir := filepath.Dir(f.file)
	if f.cached {
		j.path = append([]string{dir}, j.path...)
	}
	if t.home != "" && filepath.IsAbs(dir) {
		j.export(t.home, filepath.Dir(dir))
	}
	version := f.version
	if t.cache == "node" {
		version = "v" + version
	}
	u.to.outputs.Set(t.output, version)
	u.to.outputs.Set("cache-hit", "false")
	j.d.console.printf("%s %s (%s)", t.shown, f.version, f.file)
	if c := u.input("cache"); c != "" && c != "false" {
		j.d.console.printf("The input cache (%s) has no effect here: nothing was restored. Use the buildspec's "+
			"cache, or actions/cache.", c)
	}
}
