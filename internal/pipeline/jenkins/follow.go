package jenkins

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"slipway/internal/contain"
	"slipway/internal/event"
	"slipway/internal/pipeline"
	"slipway/internal/store"
)

// follow does the job followJob: it does one step of a build, and writes what came of it.
func (s *Service) follow(ctx context.Context, j store.Running) (store.Outcome, error) {
	b, err := s.build(ctx, j.Key)
	if err != nil || b == nil {
		return store.Done, err
	}
	if b.Phase == Over {
		return s.forget(ctx, b)
	}
	err = contain.Do(func() error { return s.step(ctx, b) })
	refused, final := asRefusal(err)
	switch {
	case final:
		b.Fail(s.Now(), refused.Code, "%s", refused.Message)
	case ctx.Err() != nil:
		return store.Done, ctx.Err()
	case err != nil:
		b.Away(s.Now(), err)
	}
	stepped := *b
	if err := s.save(ctx, b, true); err != nil {
		return store.Done, err
	}
	if b.Phase == Over && stepped.Phase != Over { // it was stopped meanwhile
		if err := s.abort(ctx, &stepped); err != nil {
			return store.Done, err
		}
	}
	if b.Phase == Over {
		s.closeLog(b)
		return store.Again(s.Now().Add(kept)), nil
	}
	return store.Again(s.Now().Add(b.wait())), nil
}

// save writes a build that has not been ended meanwhile, and lets its pipeline read how far it is.
func (s *Service) save(ctx context.Context, b *Build, tell bool) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		now, err := store.Document[Build](ctx, tx, `SELECT doc FROM pipeline_jenkins_builds WHERE run = $1`, b.Run)
		if err != nil || now == nil {
			return err
		}
		if now.Phase == Over { // it was stopped
			*b = *now
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE pipeline_jenkins_builds SET doc = $2 WHERE run = $1`, b.Run,
			store.JSON(b)); err != nil {
			return err
		}
		if !tell || now.Say == b.Say && now.Number == b.Number && b.Phase != Over {
			return nil
		}
		return event.JenkinsBuild.Publish(ctx, tx, b.Run, event.Ended{ID: b.Run, Status: string(b.Phase)})
	})
}

// step does what is next for a build.
func (s *Service) step(ctx context.Context, b *Build) error {
	x := s.now()[b.Server]
	if x == nil {
		return pipeline.Refuse("InvalidActionConfiguration", "There is no server of Jenkins %s any more", b.Server)
	}
	c, err := s.client(x)
	if err != nil {
		return err
	}
	at, _ := jobPath(b.Project) // checked at the start
	t := &turn{s, c, b, strings.TrimSuffix(x.URL, "/"), at}
	switch b.Phase {
	case Submit:
		return t.submit(ctx)
	case Submitting:
		return t.recover(ctx)
	case Queued:
		return t.queued(ctx)
	case Running:
		return t.running(ctx)
	case Collect:
		return t.collect(ctx)
	}
	return nil
}

// turn is one step of a build.
type turn struct {
	*Service
	c      *client
	b      *Build
	server string // its address, without a slash at the end
	at     string // the path of the job
}

// unique is the parameter by which a build is found again whose submission was interrupted.
const unique = "SLIPWAY_ACTION_EXECUTION"

// job is what Jenkins says of a job.
type job struct {
	Buildable *bool
	Property  []struct {
		ParameterDefinitions []struct{ Name, Type string }
	}
	declared map[string]string // the type of each parameter
}

// ask reads the job of the build.
func (t *turn) ask(ctx context.Context) (*job, error) {
	j := &job{declared: map[string]string{}}
	err := t.c.get(ctx, t.at+"/api/json",
		url.Values{"tree": {"buildable,property[parameterDefinitions[name,type]]"}}, j)
	switch {
	case isStatus(err, http.StatusNotFound):
		return nil, pipeline.Refuse("InvalidActionConfiguration",
			"Jenkins at %s has no job %s, or its user may not see it (Job/Read)", t.server, t.b.Project)
	case isStatus(err, http.StatusUnauthorized, http.StatusForbidden):
		return nil, pipeline.Refuse("PermissionError", "The user of Jenkins at %s may not read the job %s: %v",
			t.server, t.b.Project, err)
	case err != nil:
		return nil, err
	}
	for _, p := range j.Property {
		for _, d := range p.ParameterDefinitions {
			j.declared[d.Name] = d.Type
		}
	}
	if j.Buildable != nil && !*j.Buildable {
		return nil, pipeline.Refuse("InvalidActionConfiguration", "The job %s of Jenkins cannot be built: it is "+
			"disabled, or a folder", t.b.Project)
	}
	return j, nil
}

// own are the parameters that every build gets that declares them.
func (b *Build) own() map[string]string {
	return map[string]string{
		unique:                       b.Run,
		"SLIPWAY_PIPELINE":           b.Pipeline,
		"SLIPWAY_PIPELINE_EXECUTION": b.Execution,
		"SLIPWAY_COMMIT":             b.Commit,
	}
}

// values are the parameters of the build. One that the job does not declare is refused: Jenkins would ignore it.
func (t *turn) values(j *job) (map[string]string, error) {
	all := map[string]string{}
	for name, value := range t.b.own() {
		if j.declared[name] != "" {
			all[name] = value
		}
	}
	names := slices.Sorted(maps.Keys(t.b.Parameters))
	if t.b.File != "" {
		names = append(names, t.b.File)
	}
	for _, name := range names {
		if j.declared[name] == "" {
			return nil, pipeline.Refuse("InvalidActionConfiguration", "The job %s of Jenkins has no parameter %s; it "+
				"has %v", t.b.Project, name, slices.Sorted(maps.Keys(j.declared)))
		}
	}
	maps.Copy(all, t.b.Parameters)
	return all, nil
}

// submit asks for the build. That it may have been asked for is durable before.
func (t *turn) submit(ctx context.Context) error {
	j, err := t.ask(ctx)
	if err != nil {
		return err
	}
	values, err := t.values(j)
	if err != nil {
		return err
	}
	body, kind, err := t.form(ctx, values)
	if err != nil {
		return err
	}
	to := t.at + "/buildWithParameters"
	if len(j.declared) == 0 {
		to, body, kind = t.at+"/build", nil, ""
	}
	t.b.Phase = Submitting
	if err := t.save(ctx, t.b, false); err != nil || t.b.Phase == Over {
		return err
	}
	status, location, err := t.c.post(ctx, to, url.Values{"delay": {"0sec"}}, body, kind)
	if unsent(err) {
		t.b.Phase = Submit
		return err
	}
	return t.submitted(status, location, err)
}

// submitted reads the answer to a submission. After an error that leaves open whether Jenkins took it the build stays
// in the phase Submitting.
func (t *turn) submitted(status int, location string, err error) error {
	switch {
	case isStatus(err, http.StatusUnauthorized, http.StatusForbidden):
		return pipeline.Refuse("PermissionError", "The user of Jenkins at %s may not build the job %s (Job/Build): %v",
			t.server, t.b.Project, err)
	case isStatus(err, http.StatusNotFound, http.StatusConflict, http.StatusBadRequest,
		http.StatusInternalServerError, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge):
		return pipeline.Refuse("JobFailed", "Jenkins does not build the job %s: %v", t.b.Project, err)
	case err != nil:
		return err
	}
	if m := queueItem().FindStringSubmatch(location); status == http.StatusCreated && m != nil {
		item, err := strconv.ParseInt(m[1], 10, 64)
		if err == nil {
			t.b.Enqueued(t.Now(), item)
			return nil
		}
	}
	return pipeline.Refuse("JobFailed", "Jenkins did not take the build of %s: it answered %d, and names no item of "+
		"its queue", t.b.Project, status)
}

var queueItem = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`/queue/item/([0-9]{1,18})/?$`) })

// form is the body of a submission: with a file in parts, or else as a form.
func (t *turn) form(ctx context.Context, values map[string]string) (body []byte, kind string, err error) {
	if t.b.File == "" {
		form := url.Values{}
		for name, value := range values {
			form.Set(name, value)
		}
		return []byte(form.Encode()), "application/x-www-form-urlencoded", nil
	}
	from := t.b.Inputs[0].S3location
	acting, err := t.Act(ctx, t.b.Role, t.b.OwnRole, t.b.Execution)
	if err != nil {
		return nil, "", err
	}
	o, f, err := t.Objects.Get(acting, *from.Bucket, *from.Key, "")
	if err != nil {
		return nil, "", pipeline.ObjectError(err, *from.Bucket)
	}
	defer f.Close()
	if o.Size > maxFile {
		return nil, "", pipeline.Refuse("InvalidArtifact", "The input artifact has %d bytes; a file parameter takes "+
			"at most %d", o.Size, int64(maxFile))
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := w.WriteField(name, values[name]); err != nil {
			return nil, "", err
		}
	}
	part, err := w.CreateFormFile(t.b.File, *t.b.Inputs[0].Name+".zip")
	if err != nil {
		return nil, "", err
	}
	if _, err := io.Copy(part, f); err != nil {
		return nil, "", err
	}
	err = w.Close() // writes the end
	return b.Bytes(), w.FormDataContentType(), err
}

// maxFile bounds the input artifact that is sent as a file parameter, in bytes. It is kept in memory meanwhile.
const maxFile = 64 << 20

// queued looks what became of the item in Jenkins' queue. Jenkins forgets an item some minutes after it left the queue.
func (t *turn) queued(ctx context.Context) error {
	var in Item
	err := t.c.get(ctx, fmt.Sprintf("/queue/item/%d/api/json", t.b.Item),
		url.Values{"tree": {"why,cancelled,executable[number,url]"}}, &in)
	if !isStatus(err, http.StatusNotFound) {
		if err == nil {
			t.b.Waited(t.Now(), in, t.server, t.at)
		}
		return err
	}
	n, err := t.find(ctx, "result", func(p *parameterised) bool { return p.QueueID == t.b.Item })
	switch {
	case err != nil:
		return err
	case n == 0:
		return pipeline.Refuse("JobFailed", "Jenkins no longer knows the build of %s that it had queued as item %d",
			t.b.Project, t.b.Item)
	}
	t.b.Began(t.Now(), n, t.server, t.at)
	return nil
}

// running follows the log of the build, and ends once the build has ended and its log is complete.
func (t *turn) running(ctx context.Context) error {
	var state struct {
		Building bool
		Result   *string
	}
	at := path.Join(t.at, strconv.FormatInt(t.b.Number, 10))
	err := t.c.get(ctx, at+"/api/json", url.Values{"tree": {"building,result"}}, &state)
	if isStatus(err, http.StatusNotFound) {
		return pipeline.Refuse("JobFailed", "The build %s #%d of Jenkins was deleted", t.b.Project, t.b.Number)
	}
	if err != nil {
		return err
	}
	grew, more, err := t.readLog(ctx, at)
	if err != nil {
		return err
	}
	t.b.Moved(t.Now(), grew)
	if state.Building || more {
		return nil
	}
	result := "NOT_BUILT"
	if state.Result != nil {
		result = *state.Result
	}
	t.b.Ran(t.Now(), result)
	return nil
}
