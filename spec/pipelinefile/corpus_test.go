package pipelinefile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus is where real files lie beside the project; they are no part of it.
const corpus = "../../../shared/corpus"

// refusals are the errors that a strict reading of the real files finds, by file.
var refusals = map[string][]string{
	"003.json": {"003.json:3:3: Value '%ServiceName%' at 'pipeline.name'"}, // a placeholder
	"005.json": {"005.json:4:5: Value 'arn:aws:iam::YOUR_ACCOUNT_ID:role/CodePipelineRole' at 'pipeline.roleArn'"},
	"007.json": {"007.json:198:1: "}, // its first brace is missing
	"009.json": {"009.json:4:7: Value '<ARN Ihrer",
		"009.json:39:13: Action configuration for action 'DeployAction' is missing required configuration " +
			"'ApplicationName'",
		"'DeploymentGroupName'"},
	"011.json": {"011.json:2:17: A pipeline must have either artifactStore",
		"011.json:25:25: Action Source has 0 output artifact(s)",
		"011.json:49:25: Action Build has 0 input artifact(s)",
		"011.json:72:25: Action Deploy has 0 input artifact(s)"},
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(corpus, folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skipf("SKIPPED: no real files in %s.", filepath.Join(corpus, folder))
	}
	return found
}

func TestCorpus(t *testing.T) {
	for _, file := range files(t, "pipeline") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(file)
		d, err := Parse(base, text)
		want := refusals[base]
		if err == nil {
			if len(want) > 0 {
				t.Errorf("%s is taken; it should be refused: %v", base, want)
			}
			if d.Name == nil || len(d.Stages) < 2 {
				t.Errorf("%s was read as %+v", base, d)
			}
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no error says %q in\n%v", base, w, err)
			}
		}
		if len(err.(Errors)) != len(want) {
			t.Errorf("%s: %d errors, not %d:\n%v", base, len(err.(Errors)), len(want), err)
		}
	}
}

func TestTemplatesAreNamed(t *testing.T) {
	for _, file := range files(t, "cloudformation") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(filepath.Base(file), text); err == nil {
			t.Errorf("%s was taken for a pipeline", file)
		} else if !strings.Contains(err.Error(), "CloudFormation template") {
			t.Errorf("the error should say what the file is: %v", err)
		}
	}
}
