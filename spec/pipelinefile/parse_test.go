package pipelinefile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const whole = `{"pipeline": {
  "name": "web", "roleArn": "arn:aws:iam::123456789012:role/pipeline",
  "artifactStore": {"type": "S3", "location": "artifacts"},
  "stages": [
    {"name": "Source", "actions": [
      {"name": "Checkout", "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "CodeCommit", ` +
	`"version": "1"},
       "configuration": {"RepositoryName": "web", "BranchName": "main"}, "outputArtifacts": [{"name": "src"}]}]},
    {"name": "Build", "actions": [
      {"name": "Compile", "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", ` +
	`"version": "1"},
       "configuration": {"ProjectName": "web"}, "inputArtifacts": [{"name": "src"}], ` +
	`"outputArtifacts": [{"name": "out"}]}]}
  ], "version": 1
}, "metadata": {"pipelineArn": "x"}}`

func TestParse(t *testing.T) {
	d, err := Parse("p.json", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if *d.Name != "web" || len(d.Stages) != 2 || d.Stages[1].Actions[0].Configuration["ProjectName"] != "web" {
		t.Errorf("%+v", d)
	}
}

// TestEveryErrorHasItsPlace changes one thing of a pipeline that is in order and expects the error for it, at its line
// and column.
func TestEveryErrorHasItsPlace(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown member", `"version": 1`, `"versoin": 1`,
			`p.json:11:6: unknown member "versoin"; did you mean 'version'?`},
		{"wrong kind", `"version": 1`, `"version": "one"`, `p.json:11:6: version must be a number, not string`},
		{"name", `"name": "web"`, `"name": "w b"`,
			`p.json:2:3: Value 'w b' at 'pipeline.name' failed to satisfy constraint: ` +
				`Member must satisfy regular expression pattern: [A-Za-z0-9.@\-_]+`},
		{"no store", `"artifactStore"`, `"artifactStores"`, `p.json:3:3: artifactStores must be an object, not string`},
		{"configuration", `"BranchName": "main"`, `"Branch": "main"`,
			"p.json:7:8: Action configuration for action 'Checkout' is missing required configuration 'BranchName'\n" +
				"p.json:7:51: Action configuration for action 'Checkout' contains unknown configuration 'Branch'"},
		{"provider", `"CodeBuild"`, `"CodeBilder"`,
			"p.json:9:27: ActionType (Category: 'Build', Provider: 'CodeBilder', Owner: 'AWS', Version: '1') in " +
				"action 'Compile' is not available"},
		{"input", `"inputArtifacts": [{"name": "src"}]`, `"inputArtifacts": [{"name": "source"}]`,
			"p.json:10:69: Input Artifact Name source in action Compile must be the output artifact of an action " +
				"that runs before it"},
		{"output twice", `[{"name": "out"}]`, `[{"name": "src"}]`,
			"p.json:10:107: Output Artifact Name src is made by action Checkout already: artifact names must be " +
				"unique in a pipeline"},
		{"stage twice", `{"name": "Build"`, `{"name": "Source"`,
			"p.json:8:6: A stage with the name Source exists already in this pipeline"},
		{"a source later", `{"category": "Build"`, `{"category": "Source"`,
			"p.json:9:27: Stage Build has a source action: only the first stage may hold source actions"},
		{"reserved namespace", `"name": "Compile",`, `"name": "Compile", "namespace": "variables",`,
			"p.json:9:27: The namespace variables is reserved"},
		{"mode", `"version": 1`, `"executionMode": "QUEUED"`,
			"p.json:11:6: Execution mode QUEUED needs pipelineType V2"},
		{"syntax", `"version": 1`, `"version": 1,`, "p.json:12:1: the file is not valid JSON"},
		{"environment", `"ProjectName": "web"`, `"ProjectName": "web", "EnvironmentVariables": "[{}]"`,
			"p.json:10:48: The value of 'EnvironmentVariables' in action 'Compile': " +
				"variable 1 must have a name and a value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(whole, c.old, c.new, 1)
			if text == whole {
				t.Fatal("nothing changed")
			}
			_, err := Parse("p.json", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	value := "a #{build.TAG} b #{variables.x-1}#{none.y} #{not a variable}"
	if diff := cmp.Diff([][2]string{{"build", "TAG"}, {"variables", "x-1"}, {"none", "y"}},
		Variables(value)); diff != "" {
		t.Error(diff)
	}
	got := Expand(
		value, func(namespace, key string) (string, bool) { return namespace + "/" + key, namespace != "none" })
	if want := "a build/TAG b variables/x-1#{none.y} #{not a variable}"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("pipeline:\n  name: a\n  stages: &x [*x]\n"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse("f", text)
		if (d == nil) == (err == nil) {
			t.Errorf("%v, %v", d, err)
		}
		if es, ok := err.(Errors); ok {
			for _, e := range es {
				if e.Line < 1 || e.Column < 1 || e.Message == "" {
					t.Errorf("an error without its place: %+v", e)
				}
			}
		}
	})
}
