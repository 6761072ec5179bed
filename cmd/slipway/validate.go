package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/internal/actions/lint"
	"slipway/spec/appspec"
	"slipway/spec/buildspec"
	"slipway/spec/pipelinefile"
	"slipway/spec/workflow"
)

type validateCommand struct {
	Files []string `arg:"" optional:"" help:"The files; without any, those of this folder that look like one."`
	As    string   `enum:"auto,buildspec,appspec,pipeline,workflow,action" default:"auto" help:"What the files are: auto, buildspec, appspec, pipeline, workflow or action."`
}

func (*validateCommand) Help() string {
	return "Each error has its file, line and column; the exit code is 1 if there is one.\n\n" +
		"  slipway validate\n" +
		"  slipway validate buildspec.yml ci/pipeline.json .github/workflows/ci.yml\n" +
		"  slipway validate --as=buildspec ci/build.yml"
}

func (c *validateCommand) Run() error {
	files := c.Files
	if len(files) == 0 {
		for _, pattern := range []string{"buildspec*.y*ml", "appspec*.y*ml", "appspec*.json", "pipeline*.json",
			"pipeline*.y*ml", ".github/workflows/*.y*ml"} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				return err
			}
			files = append(files, found...)
		}
		if len(files) == 0 {
			return errors.New(
				"there is no buildspec.yml, appspec.yml or pipeline.json in this folder; name the files to check")
		}
	}
	slices.Sort(files)
	failed := false
	for _, file := range slices.Compact(files) {
		kind, notes, err := c.check(file)
		for _, n := range notes {
			fmt.Println(n)
		}
		if err != nil {
			failed = true
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: a valid %s\n", file, kind)
	}
	if failed {
		return exitError(1)
	}
	return nil
}

// check reads one file of a kind. The notes are about members that are valid and have no effect here.
func (c *validateCommand) check(file string) (kind string, notes []string, err error) {
	text, err := os.ReadFile(file)
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		return "", nil, fmt.Errorf("%s: it cannot be read: %w", file, cause.Err)
	}
	if err != nil {
		return "", nil, err
	}
	if kind = c.As; kind == "auto" {
		kind = cmp.Or(guessActions(file), guess(file, string(text)))
	}
	switch kind {
	case "buildspec":
		return checkBuildspec(file, text)
	case "appspec":
		warnings, err := appspec.Validate(file, text)
		for _, w := range warnings {
			notes = append(notes, fmt.Sprintf("%s:%d:%d: note: %s", file, w.Line, w.Column, w.Message))
		}
		return kind, notes, err
	case "workflow":
		errs, advice := lint.Check(file, text)
		for _, a := range advice {
			notes = append(notes, fmt.Sprintf("%s:%d:%d: note: %s", file, a.Line, a.Column, a.Message))
		}
		if len(errs) > 0 {
			return kind, notes, errs
		}
		return kind, notes, nil
	case "action":
		_, err := workflow.ParseAction(file, text)
		return kind, nil, err
	case "pipeline":
		d, err := pipelinefile.Parse(file, text)
		if err == nil {
			notes = unexported(file, text, d)
		}
		return kind, notes, err
	}
	return "", nil, fmt.Errorf(
		"%s: it does not look like any file that Slipway knows; say what it is with --as=buildspec, --as=appspec, "+
			"--as=pipeline, --as=workflow or --as=action",
		file,
	)
}

// checkBuildspec refuses what would fail a build at once, and notes what is ignored.
func checkBuildspec(file string, text []byte) (kind string, notes []string, err error) {
	spec, warnings, err := buildspec.Validate(file, text)
	for _, w := range warnings {
		notes = append(notes, fmt.Sprintf("%s:%d:%d: warning: %s", file, w.Line, w.Column, w.Message))
	}
	if err != nil {
		return "buildspec", notes, err
	}
	var refused buildspec.Errors
	for _, u := range spec.Unsupported() {
		message := fmt.Sprintf("Slipway does not support %s yet: %s", u.What, u.Why)
		if u.Refuse {
			refused = append(refused, buildspec.Error{File: file, Line: u.Line, Column: u.Column, Message: message})
			continue
		}
		notes = append(notes, fmt.Sprintf("%s:%d:%d: note: %s", file, u.Line, u.Column, message))
	}
	if len(refused) > 0 {
		return "buildspec", notes, refused
	}
	return "buildspec", notes, nil
}

// guessActions returns the kind of a file of GitHub Actions, "" for any other.
func guessActions(file string) string {
	switch name := filepath.Base(file); {
	case workflow.IsPath(filepath.ToSlash(file)):
		return "workflow"
	case name == "action.yml" || name == "action.yaml":
		return "action"
	}
	return ""
}

// guess returns the kind of a file by its name, or else by its content.
func guess(file, text string) string {
	name := strings.ToLower(filepath.Base(file))
	for _, kind := range []string{"buildspec", "appspec", "pipeline"} {
		if strings.Contains(name, kind) {
			return kind
		}
	}
	has := func(word string) bool {
		return strings.HasPrefix(text, word+":") || strings.Contains(text, "\n"+word+":") ||
			strings.Contains(text, `"`+word+`"`)
	}
	switch {
	case has("phases") || has("batch"):
		return "buildspec"
	case has("stages") && (has("artifactStore") || has("artifactStores") || has("pipeline")):
		return "pipeline"
	case has("hooks") || has("Hooks") || has("os") || has("Resources"):
		return "appspec"
	}
	return ""
}
