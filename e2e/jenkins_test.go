package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// controller answers as the pages /api/ of Jenkins and its handbook ("Remote Access API") say that Jenkins does: one
// job, web, in a folder, whose builds wait in the queue until a test lets them run.
type controller struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // requests that change something
	values []map[string]string
	input  []byte // of the file parameter
	held   bool   // the item waits in the queue
	away   bool   // nobody is there
	lost   bool   // the answer to the next submission does not arrive
	result string // of the build; "" while it runs
	log    string
	crumb  string // needed besides the password
}

const (
	jenkinsUser  = "slipway"
	jenkinsToken = "jenkins-token-4713"
)

func newJenkins(t testing.TB) *controller {
	j := &controller{held: true, crumb: "crumb-of-the-session"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ci/api/json", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{}) })
	mux.HandleFunc("GET /ci/crumbIssuer/api/json", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "JSESSIONID", Value: "session", Path: "/"})
		answer(w, map[string]any{"crumbRequestField": "Jenkins-Crumb", "crumb": j.crumb})
	})
	mux.HandleFunc("GET /ci/job/team/job/web/api/json", j.job)
	mux.HandleFunc("POST /ci/job/team/job/web/buildWithParameters", j.submit)
	mux.HandleFunc("GET /ci/queue/api/json", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"items": []any{}})
	})
	mux.HandleFunc("GET /ci/queue/item/{item}/api/json", j.item)
	mux.HandleFunc("POST /ci/queue/cancelItem", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) })
	mux.HandleFunc("GET /ci/job/team/job/web/{number}/api/json", j.build)
	mux.HandleFunc("GET /ci/job/team/job/web/{number}/logText/progressiveText", j.progress)
	mux.HandleFunc("GET /ci/job/team/job/web/{number}/artifact/*zip*/archive.zip", j.archive)
	mux.HandleFunc("POST /ci/job/team/job/web/{number}/stop", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusFound)
	})
	j.Server = httptest.NewServer(j.guarded(mux))
	t.Cleanup(j.Close)
	return j
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// guarded asks for the user, and for a crumb with each request that changes something.
func (j *controller) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.mu.Lock()
		defer j.mu.Unlock()
		user, token, _ := r.BasicAuth()
		session, _ := r.Cookie("JSESSIONID")
		w.Header().Set("X-Jenkins", "2.479")
		switch {
		case j.away:
			w.WriteHeader(http.StatusServiceUnavailable)
		case user != jenkinsUser || token != jenkinsToken:
			http.Error(w, "<html><body>Invalid password</body></html>", http.StatusUnauthorized)
		case r.Method == http.MethodPost && (r.Header.Get("Jenkins-Crumb") != j.crumb || session == nil):
			http.Error(w, "No valid crumb was included in the request", http.StatusForbidden)
		default:
			if r.Method == http.MethodPost {
				j.asked = append(j.asked, r.URL.Path)
			}
			next.ServeHTTP(w, r)
		}
	})
}

// job has three parameters, and the builds that were submitted.
func (j *controller) job(w http.ResponseWriter, r *http.Request) {
	var builds []any
	for i, v := range slices.Backward(j.values) {
		builds = append(builds, map[string]any{"number": i + 1, "queueId": i + 101, "actions": []any{map[string]any{},
			map[string]any{"parameters": []any{map[string]any{"name": "SLIPWAY_ACTION_EXECUTION",
				"value": v["SLIPWAY_ACTION_EXECUTION"]}}}}})
	}
	defined := func(name, kind string) map[string]any { return map[string]any{"name": name, "type": kind} }
	answer(w, map[string]any{"buildable": true, "builds": builds, "property": []any{map[string]any{},
		map[string]any{"parameterDefinitions": []any{defined("SLIPWAY_ACTION_EXECUTION", "StringParameterDefinition"),
			defined("GOAL", "StringParameterDefinition"), defined("INPUT", "FileParameterDefinition")}}}})
}

func (j *controller) submit(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	given := map[string]string{}
	for name, v := range r.MultipartForm.Value {
		given[name] = v[0]
	}
	if f, _, err := r.FormFile("INPUT"); err == nil {
		j.input, _ = io.ReadAll(f)
	}
	j.values = append(j.values, given)
	if j.lost {
		j.lost = false
		if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = connection.Close()
		}
		return
	}
	w.Header().Set("Location", fmt.Sprintf("http://elsewhere.test/ci/queue/item/%d/", 100+len(j.values)))
	w.WriteHeader(http.StatusCreated)
}

func (j *controller) item(w http.ResponseWriter, r *http.Request) {
	item, _ := strconv.Atoi(r.PathValue("item"))
	if j.held {
		answer(w, map[string]any{"why": "Waiting for next available executor", "executable": nil})
		return
	}
	answer(w, map[string]any{"executable": map[string]any{"number": item - 100, "url": "http://elsewhere.test/"}})
}

func (j *controller) build(w http.ResponseWriter, _ *http.Request) {
	state := map[string]any{"building": j.result == "", "result": nil}
	if j.result != "" {
		state["result"] = j.result
	}
	answer(w, state)
}

func (j *controller) progress(w http.ResponseWriter, r *http.Request) {
	start, _ := strconv.Atoi(r.URL.Query().Get("start"))
	w.Header().Set("X-Text-Size", strconv.Itoa(len(j.log)))
	if j.result == "" {
		w.Header().Set("X-More-Data", "true")
	}
	_, _ = io.WriteString(w, j.log[min(start, len(j.log)):])
}

func (j *controller) archive(w http.ResponseWriter, _ *http.Request) {
	z := zip.NewWriter(w)
	for name, content := range map[string]string{"archive/made/by.txt": "jenkins", "archive/top.txt": "top"} {
		if f, err := z.Create(name); err == nil {
			_, _ = io.WriteString(f, content)
		}
	}
	_ = z.Close()
}

// now changes the server.
func (j *controller) now(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// did reports whether a request that changes something was made.
func (j *controller) did(path string) (did bool) {
	j.now(func() { did = slices.Contains(j.asked, path) })
	return did
}

// onJenkins is an action on the job web.
func onJenkins(configuration map[string]string) types.ActionDeclaration {
	a := act("Build", types.ActionCategoryBuild, "CI", "src", "built", configuration)
	a.ActionTypeId.Owner = types.ActionOwnerCustom
	a.Namespace = new("built")
	return a
}

// newJenkinsFlow is a server with a Jenkins, and a pipeline that builds on it.
func newJenkinsFlow(t *testing.T) (*flow, *controller) {
	t.Helper()
	f, j := newFlow(t), newJenkins(t)
	printed := must(f.slipwayWith("SLIPWAY_JENKINS_TOKEN="+jenkinsToken, "jenkins", "add", "CI", "--url",
		j.URL+"/ci/", "--user", jenkinsUser))(t)
	has(t, printed, "Jenkins 2.479")
	has(t, must(f.slipway("jenkins"))(t), "CI", j.URL+"/ci/", jenkinsUser)
	f.create(declare("jenkins", source(), stage("Build", onJenkins(map[string]string{"ProjectName": "team/web",
		"Parameters": `{"GOAL": "#{codepipeline.PipelineExecutionId}"}`, "FileParameter": "INPUT"}))))
	return f, j
}

// says waits until the action on Jenkins says something.
func (f *flow) saysOf(words string) *types.ActionExecution {
	f.t.Helper()
	var x *types.ActionExecution
	eventually(f.t, "the action says "+words, func() error {
		out := must(f.GetPipelineState(f.t.Context(), &codepipeline.GetPipelineStateInput{Name: new("jenkins")}))(f.t)
		if x = out.StageStates[1].ActionStates[0].LatestExecution; x == nil {
			return errors.New("it has not begun")
		}
		if !strings.Contains(aws.ToString(x.Summary), words) {
			return fmt.Errorf("%s: %s", x.Status, aws.ToString(x.Summary))
		}
		return nil
	})
	return x
}

// TestJenkins builds on a server that answers as the documentation of Jenkins says: what it is given, what it prints
// and archives, and how it fails.
func TestJenkins(t *testing.T) {
	t.Parallel()
	f, j := newJenkinsFlow(t)
	f.saysOf("Waits in Jenkins' queue: Waiting for next available executor")
	j.now(func() { j.log = "Started by user slipway\n" })
	f.stop()
	f.instance.start() // a restart goes on with the build
	j.now(func() { j.held = false })
	x := f.saysOf("team/web #1 is running")
	if *x.ExternalExecutionId != "1" || *x.ExternalExecutionUrl != j.URL+"/ci/job/team/job/web/1/" {
		t.Errorf("the action execution is %s at %s", *x.ExternalExecutionId, *x.ExternalExecutionUrl)
	}
	j.now(func() { j.away = true })
	f.saysOf("Jenkins does not answer")
	j.now(func() { j.away, j.log, j.result = false, j.log+"Finished: SUCCESS\n", "SUCCESS" })
	id := f.newest("jenkins", 1, types.PipelineExecutionStatusSucceeded)
	if got := f.artifact("jenkins", id, "built"); got != "made/by.txt top.txt" {
		t.Errorf("the artifact has %s", got)
	}
	j.now(func() {
		if v := j.values[0]; v["GOAL"] != id || v["SLIPWAY_ACTION_EXECUTION"] == "" || len(j.values) != 1 {
			t.Errorf("Jenkins got %v", j.values)
		}
		if !bytes.HasPrefix(j.input, []byte("PK")) {
			t.Errorf("the file parameter has %.20q", j.input)
		}
	})
	runs := must(f.ListActionExecutions(t.Context(), &codepipeline.ListActionExecutionsInput{PipelineName: new("jenkins"),
		Filter: &types.ActionExecutionFilter{PipelineExecutionId: &id}}))(t).ActionExecutionDetails
	if v := runs[0].Output.OutputVariables; v["BuildNumber"] != "1" {
		t.Errorf("its variables are %v", v)
	}
	f.logged(*runs[0].ActionExecutionId, "Started by user slipway\nFinished: SUCCESS")
	at := "/pipelines/jenkins/executions/" + id
	log := at + "/actions/" + *runs[0].ActionExecutionId + "/log"
	has(t, newPerson(t, f.instance).text(at), `href="`+log+`"`, j.URL+"/ci/job/team/job/web/1/")
	if got := newPerson(t, f.instance).text(log); got != "Started by user slipway\nFinished: SUCCESS\n" {
		t.Errorf("the page of the log has %q", got)
	}
	f.nowhere(jenkinsToken)
	f.otherwise(j)
}

// logged fails unless the log of a build of Jenkins is a text.
func (f *flow) logged(stream, want string) {
	f.t.Helper()
	out := must(cloudwatchlogs.NewFromConfig(f.sdk()).GetLogEvents(f.t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: new("/aws/codepipeline/jenkins"), LogStreamName: &stream, StartFromHead: new(true)}))(f.t)
	var lines []string
	for _, e := range out.Events {
		lines = append(lines, *e.Message)
	}
	if got := strings.Join(lines, "\n"); got != want {
		f.t.Errorf("the log is %q, want %q", got, want)
	}
}

// otherwise fails a build, abandons one, and loses the answer to a submission.
func (f *flow) otherwise(j *controller) {
	f.t.Helper()
	j.now(func() { j.result = "UNSTABLE" })
	id := f.start("jenkins")
	f.newest("jenkins", 2, types.PipelineExecutionStatusFailed)
	has(f.t, f.actions("jenkins", id), "The build team/web #2 of Jenkins ended as UNSTABLE")

	j.now(func() { j.result, j.lost = "", true })
	id = f.start("jenkins")
	f.saysOf("team/web #3 is running") // found again by its parameter, and not started twice
	must(f.StopPipelineExecution(f.t.Context(), &codepipeline.StopPipelineExecutionInput{PipelineName: new("jenkins"),
		PipelineExecutionId: &id, Abandon: true}))(f.t)
	eventually(f.t, "the build is aborted", func() error {
		if !j.did("/ci/job/team/job/web/3/stop") {
			return errors.New("not yet")
		}
		return nil
	})
	j.now(func() {
		if len(j.values) != 3 {
			f.t.Errorf("%d builds were submitted, want 3", len(j.values))
		}
	})
	printed, err := f.slipwayWith("SLIPWAY_JENKINS_TOKEN=wrong", "jenkins", "add", "CI", "--url", j.URL+"/ci/",
		"--user", jenkinsUser)
	if err == nil {
		f.t.Error("a wrong token was taken")
	}
	has(f.t, printed, "refuses the user slipway")
	unknown := onJenkins(map[string]string{"ProjectName": "team/web", "Parameters": `{"NONE": "x"}`})
	f.create(declare("unknown", source(), stage("Build", unknown)))
	id = f.newest("unknown", 1, types.PipelineExecutionStatusFailed)
	has(f.t, f.actions("unknown", id), "has no parameter NONE")
	must(f.slipway("jenkins", "delete", "CI"))(f.t)
	has(f.t, must(f.slipway("jenkins"))(f.t), "No server of Jenkins")
}

// slipwayWith runs a command with a variable of the environment.
func (i *instance) slipwayWith(variable string, args ...string) (string, error) {
	c := exec.Command(i.program, args...)
	c.Env = append(append(environment(), i.client()...), variable)
	out, err := c.CombinedOutput()
	return string(out), err
}
