package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
)

// TestPanics has each kind of job of the way after the push, the loops, operations and pages panic once while a change
// goes its way: each costs that one attempt or request, and the change arrives.
func TestPanics(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.env = []string{
		"SLIPWAY_PANIC=job.pipeline*,job.event.build*,job.event.deploy*,job.deploy*,job.build*,loop.*,operation.ListPipelines,request./board",
	}
	i.start()
	server := i.pids()["server"]
	w := newWayOn(t, i)

	list := func() error {
		_, err := codepipeline.NewFromConfig(i.sdk()).ListPipelines(t.Context(), &codepipeline.ListPipelinesInput{})
		return err
	}
	if err := list(); err == nil {
		t.Error("the operation that panicked succeeded")
	}
	if err := list(); err != nil {
		t.Errorf("the operation after its panic: %v", err)
	}
	for _, want := range []int{http.StatusInternalServerError, http.StatusSeeOther} {
		if status, body, _ := askRaw(t, i.url+"/board", "", nil); status != want {
			t.Errorf("the page: %d, want %d: %s", status, want, body)
		}
	}
	w.push()
	w.settles(true)
	if now := i.pids()["server"]; now != server {
		t.Errorf("the server died: it was process %d and is %d", server, now)
	}
	for _, kind := range []string{"deploy.logs", "pipeline.start", "event.build-ended"} {
		if !strings.Contains(i.log.String(), "injected at job."+kind) {
			t.Errorf("no job of the kind %s panicked", kind)
		}
	}
	out, err := i.slipway("jobs", "--dead", "-o", "json")
	var left struct{ Jobs []any }
	if err != nil || json.Unmarshal([]byte(out), &left) != nil || len(left.Jobs) != 0 {
		t.Errorf("dead jobs: %v\n%s", err, out)
	}
}
