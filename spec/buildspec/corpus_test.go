package buildspec

import (
	"os"
	"path/filepath"
	"testing"
)

const corpus = "../../../shared/corpus/buildspec"

// refused are the files of the corpus that do not hold, with each mistake and its place. All others must hold.
var refused = map[string]string{
	"015.yml": `f:2:1: unknown key "environment_variables" is ignored: since version 0.2 it is env, with variables in it`,
	"020.yml": `f:12:7: Expected Commands[1] to be of string type: found subkeys instead at line 12, value of the key tag on line 12 might be empty. YAML reads "a: b" as a key and a value; put the whole command in quotes`,
	"027.yml": `f:53:7: Expected Commands[3] to be of string type: found subkeys instead at line 53, value of the key tag on line 53 might be empty. YAML reads "a: b" as a key and a value; put the whole command in quotes`,
	"028.yml": `f:4:5: unknown key "command" in phases.install is ignored: did you mean commands?`,
	"031.yml": `f:5:17: the identifier "linux-armhf-daemon" must have letters, digits and _ only, at most 128
f:12:17: the identifier "linux-aarch64-daemon" must have letters, digits and _ only, at most 128
f:19:17: the identifier "linux-x86_64-daemon" must have letters, digits and _ only, at most 128
f:26:17: the identifier "linux-x86_64-qt" must have letters, digits and _ only, at most 128
f:33:17: the identifier "windows-x86_64-qt" must have letters, digits and _ only, at most 128
f:40:17: the identifier "windows-i686-qt" must have letters, digits and _ only, at most 128`,
	"035.yml": `f:23:5: unknown key "artifacts" in phases.post_build is ignored; known are commands, finally, on-failure, run-as, steps`,
	"039.yml": `f:4:3: unknown key "compute-type" in env is ignored; known are exported-variables, git-credential-helper, parameter-store, secrets-manager, shell, variables`,
	"049.yml": `f:4:3: unknown key "compute-type" in env is ignored; known are exported-variables, git-credential-helper, parameter-store, secrets-manager, shell, variables`,
	"050.yml": `f:4:3: unknown key "compute-type" in env is ignored; known are exported-variables, git-credential-helper, parameter-store, secrets-manager, shell, variables
f:122:7: unknown key "git-credential-helper" in batch.build-graph[16].env is ignored; known are compute-type, fleet, image, privileged-mode, type, variables`,
	"051.yml": `f:4:3: unknown key "compute-type" in env is ignored; known are exported-variables, git-credential-helper, parameter-store, secrets-manager, shell, variables
f:138:17: cleanup_resources depends on "aggregate_e2e_reports", which is not in the graph`,
	"056.yml": `f:13:5: unknown key "labels" in phases.build is ignored; known are commands, finally, on-failure, run-as, steps`,
}

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no corpus at %s", corpus)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := refused[filepath.Base(path)]; told(text) != want {
				t.Errorf("got:\n%s\nwant:\n%s", told(text), want)
			}
		})
	}
}
