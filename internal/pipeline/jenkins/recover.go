package jenkins

import (
	"context"
	"net/url"

	"slipway/internal/pipeline"
)

// parameterised is a build, or an item of the queue, with its parameters.
type parameterised struct {
	ID, Number int64
	QueueID    int64 `json:"queueId"`
	Actions    []struct {
		Parameters []struct {
			Name  string
			Value any
		}
	}
}

// of reports whether it is the build of an action execution.
func (p *parameterised) of(run string) bool {
	for _, a := range p.Actions {
		for _, v := range a.Parameters {
			if v.Name == unique && v.Value == run {
				return true
			}
		}
	}
	return false
}

// recover finds out whether a submission that was interrupted came through. A job that does not declare the parameter
// SLIPWAY_ACTION_EXECUTION does not tell: it is not built twice.
func (t *turn) recover(ctx context.Context) error {
	j, err := t.ask(ctx)
	if err != nil {
		return err
	}
	if j.declared[unique] == "" {
		return pipeline.Refuse("JobFailed", "The connection to Jenkins broke while the build of %s was asked for, and "+
			"Slipway cannot tell whether it was started. Look at %s%s/, and retry the stage. With a parameter %s in "+
			"the job it is found by itself", t.b.Project, t.server, t.at, unique)
	}
	var queue struct{ Items []parameterised }
	fields := "actions[parameters[name,value]]"
	if err := t.c.get(ctx, "/queue/api/json", url.Values{"tree": {"items[id," + fields + "]"}}, &queue); err != nil {
		return err
	}
	for i := range queue.Items {
		if queue.Items[i].of(t.b.Run) {
			t.b.Enqueued(t.Now(), queue.Items[i].ID)
			return nil
		}
	}
	n, err := t.find(ctx, fields, func(p *parameterised) bool { return p.of(t.b.Run) })
	switch {
	case err != nil:
		return err
	case n > 0:
		t.b.Began(t.Now(), n, t.server, t.at)
	default:
		t.b.Phase = Submit
		t.b.Moved(t.Now(), true)
	}
	return nil
}

// find looks for a build among the newest 100 of the job, and returns its number; 0 for none.
func (t *turn) find(ctx context.Context, fields string, is func(*parameterised) bool) (int64, error) {
	var j struct{ Builds []parameterised }
	err := t.c.get(ctx, t.at+"/api/json", url.Values{"tree": {"builds[number,queueId," + fields + "]{0,100}"}}, &j)
	for i := range j.Builds {
		if is(&j.Builds[i]) {
			return j.Builds[i].Number, err
		}
	}
	return 0, err
}
