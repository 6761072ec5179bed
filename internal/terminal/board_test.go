package terminal

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"slipway/api/slipway"
	"slipway/internal/view"
)

var update = flag.Bool("update", false, "write testdata anew")

// known is what there is to know of the pipelines of testdata/board.json.
func known() view.Board {
	return view.Board{
		Changes: map[string]slipway.Change{"e1": {Author: new("Ada")},
			"e2": {Author: new("Grace Brewster Murray Hopper")}},
		Waiting: []slipway.Waiting{
			{Kind: slipway.WaitingKindApproval, PipelineName: new("web"), StageName: new("Approve"),
				ActionName: new("Ask"), PipelineExecutionId: new("e1")},
		},
		Serving: map[string]slipway.ServingGroup{
			"greeter/production": {
				ApplicationName:     new("greeter"),
				DeploymentGroupName: new("production"),
				Versions: []slipway.ServedVersion{
					{
						DeploymentId: new("d-1"),
						Hosts:        []string{"host-1"},
						Failed:       new(true),
						Change:       &slipway.Change{CommitId: new("1ac0029d00000000")},
					},
					{DeploymentId: new("d-2"), Hosts: []string{"host-2"},
						Change: &slipway.Change{CommitId: new("22ff00aa00000000")}},
				},
			},
		},
		Releases: map[string]slipway.ReleaseSummary{
			"d-AAAAAAAAA": {
				DeploymentId:  new("d-AAAAAAAAA"),
				Status:        slipway.ReleaseStatusShifting,
				Percent:       new(int32(10)),
				WantedPercent: new(int32(50)),
			},
		},
	}
}

// TestBoard draws a board with everything that can be on one, wide and narrow, and compares it with testdata/board.txt.
func TestBoard(t *testing.T) {
	now := time.Unix(1700003600, 0)
	text, err := os.ReadFile("testdata/board.json")
	if err != nil {
		t.Fatal(err)
	}
	var pipelines []*view.Documents
	if err := json.Unmarshal(text, &pipelines); err != nil {
		t.Fatal(err)
	}
	b := &Board{Board: view.NewBoard(known(), pipelines...)}
	var got strings.Builder
	for _, s := range []Screen{{}, {Width: 80}, {Width: 42}} {
		for _, detailed := range []bool{false, true} {
			b.Detailed = detailed
			for _, line := range b.Draw(s, now) {
				if w := displaywidth.String(line); s.Width > 0 && w > s.Width {
					t.Errorf("a line of %d columns on a screen of %d: %s", w, s.Width, line)
				}
				if strings.Contains(line, "\x1b") {
					t.Errorf("an escape sequence is drawn without colour: %q", line)
				}
				got.WriteString(strings.TrimRight(line, " ") + "\n")
			}
			got.WriteString("----\n")
		}
	}
	const golden = "testdata/board.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the board is drawn otherwise than in %s (go test -update writes it):\n%s", golden, got.String())
	}
	if coloured := strings.Join(
		b.Draw(Screen{Width: 80, Colour: true}, now),
		"\n",
	); !strings.Contains(coloured, "\x1b[1;31m✗ Build\x1b[m") ||
		!strings.Contains(coloured, "\x1b[1;33m◆ Approve\x1b[m") {
		t.Errorf("the colours are %q", coloured)
	}
}

// TestPipelineAsJSON holds the members on which scripts rely: the documents of GetBoard, and what was computed of them.
func TestPipelineAsJSON(t *testing.T) {
	text, err := os.ReadFile("testdata/board.json")
	if err != nil {
		t.Fatal(err)
	}
	var pipelines []*view.Documents
	if err := json.Unmarshal(text, &pipelines); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := WriteJSON(&b, view.NewBoard(known(), pipelines...).Pipelines[0]); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name, Kind string
		Pipeline   struct{ Stages []any }
		State      struct{ StageStates []any }
		Executions map[string]any
		Stages     []struct {
			Name, Kind, Say, Closed string
			Change                  struct{ Author string }
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if got.Name != "web" || len(got.Pipeline.Stages) != 4 || len(got.State.StageStates) != 4 ||
		len(got.Executions) == 0 {
		t.Errorf("the documents of GetBoard are not there:\n%s", b.String())
	}
	approve := got.Stages[2]
	if got.Kind != "failed" || approve.Kind != "waiting" || approve.Say != "Waiting for approval" ||
		approve.Closed != "closed by ada: release freeze" || approve.Change.Author != "Ada" {
		t.Errorf("the pipeline is %s, and its stage %+v", got.Kind, approve)
	}
}
