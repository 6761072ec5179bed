package actions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
)

// maxSummary bounds GITHUB_STEP_SUMMARY, and maxFile every other file that a step writes for the runner, in bytes.
const (
	maxSummary = 1 << 20
	maxFile    = 16 << 20
)

// files are those by which a step tells the runner something: new ones for each.
type files struct {
	dir    string
	number int
}

var fileNames = map[string]string{"GITHUB_OUTPUT": "output", "GITHUB_ENV": "env", "GITHUB_PATH": "path",
	"GITHUB_STATE": "state", "GITHUB_STEP_SUMMARY": "summary"}

func (j *job) files() (*files, error) {
	f := &files{filepath.Join(j.temp, "_runner_file_commands"), j.d.next()}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	for _, name := range fileNames {
		if err := os.WriteFile(f.path(name), nil, 0o644); err != nil {
			return nil, err
		}
		// In a container the image's user writes it, whoever that is.
		if err := os.Chmod(f.path(name), 0o666); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *files) path(name string) string {
	return filepath.Join(f.dir, fmt.Sprintf("%s_%d", name, f.number))
}

// name tells a step where its files are.
func (f *files) name(env map[string]string) {
	for variable, name := range fileNames {
		env[variable] = f.path(name)
	}
}

func (f *files) read(name string, limit int64) (string, error) {
	info, err := os.Stat(f.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return "", fmt.Errorf("the file %s is larger than %d bytes, or no file any more", name, limit)
	}
	text, err := os.ReadFile(f.path(name))
	return string(text), err
}

// effects are what a step told the runner.
type effects struct {
	outputs *expression.Object
	state   map[string]string
}

// collect reads the files of a step that has ended. What is wrong in one fails the step.
func (f *files) collect(j *job, to *effects) error {
	defer func() {
		for _, name := range fileNames {
			_ = os.Remove(f.path(name))
		}
	}()
	pairs := func(name, variable string) ([]pair, error) {
		text, err := f.read(name, maxFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable, err)
		}
		all, err := parsePairs(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable, err)
		}
		return all, nil
	}
	env, err := pairs("env", "GITHUB_ENV")
	if err == nil {
		err = checkEnvironment(env)
	}
	outputs, bad := pairs("output", "GITHUB_OUTPUT")
	state, worst := pairs("state", "GITHUB_STATE")
	if err := errors.Join(err, bad, worst); err != nil {
		return err
	}
	for _, p := range env {
		j.export(p.name, p.value)
	}
	for _, p := range outputs {
		to.outputs.Set(p.name, p.value)
	}
	for _, p := range state {
		to.state[p.name] = p.value
	}
	path, err := f.read("path", maxFile)
	if err != nil {
		return fmt.Errorf("GITHUB_PATH: %w", err)
	}
	for line := range strings.Lines(path) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			j.path = append([]string{line}, j.path...)
		}
	}
	return j.summarise(f)
}

// export sets a variable for the steps that follow.
func (j *job) export(name, value string) {
	j.env.set(name, value)
	j.left.set(name, value)
}

// summarise shows the summary of a step.
func (j *job) summarise(f *files) error {
	text, err := f.read("summary", maxSummary)
	if err != nil {
		j.d.console.annotate(Annotation{Level: "error", Message: "The summary is left out: it is larger than 1 MiB"})
		return nil
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	j.d.console.open("Summary")
	for line := range strings.Lines(text) {
		j.d.console.line(strings.TrimRight(line, "\r\n"))
	}
	j.d.console.shut()
	return nil
}

func upper(s string) string { return strings.ToUpper(s) }
