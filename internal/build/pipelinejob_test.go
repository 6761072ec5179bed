package build

import (
	"testing"

	"slipway/api/slipway"
)

func TestWhichBuildMakesAnOutput(t *testing.T) {
	t.Parallel()
	builds := []slipway.BatchBuild{{Identifier: "build"}, {Identifier: "build_arm"}, {Identifier: "test"}}
	for name, want := range map[string][2]string{
		"build":          {"build", ""},
		"build_docs":     {"build", "docs"},
		"build_arm":      {"build_arm", ""},
		"build_arm_docs": {"build_arm", "docs"},
		"test_":          {"", ""},
		"tests":          {"", ""},
		"other":          {"", ""},
		"test_a_b":       {"test", "a_b"},
	} {
		if build, artifact := outputOf(name, builds); build != want[0] || artifact != want[1] {
			t.Errorf("%s is %q of %q, want %q of %q", name, artifact, build, want[1], want[0])
		}
	}
	job := &slipway.PipelineJob{Outputs: []slipway.Artifact{{Name: "test"}, {Name: "none"}}}
	if err := checkOutputs(job, false, builds); err == nil {
		t.Error("an output that no build makes is taken")
	}
	if err := checkOutputs(job, true, builds); err != nil {
		t.Errorf("combined: %v", err)
	}
}
