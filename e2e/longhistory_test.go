package e2e

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cb "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	_ "modernc.org/sqlite"
)

// stored is how many executions, builds and deployments there are in the long run.
const stored = 100_000

// lengthen copies the newest execution, build and deployment of a server that is stopped again and again, and the
// pipeline a few times.
func lengthen(t *testing.T, i *instance, stored int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(i.data, "slipway.db")+"?_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const n = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) `
	for what, statement := range map[string]string{
		"executions": n + `INSERT INTO pipeline_executions (pipeline, sequence, id, live, doc)
			SELECT pipeline, sequence + i, printf('%08x-0000-4000-8000-000000000000', i), 0, json_set(doc, '$.sequence', sequence + i, '$.pipelineExecutionId', printf('%08x-0000-4000-8000-000000000000', i))
			FROM n, (SELECT * FROM pipeline_executions ORDER BY sequence DESC LIMIT 1)`,
		"builds": n + `INSERT INTO builds (id, seq, project, origin, state, runner, submitted, doc, work)
			SELECT project || ':' || printf('%08x-0000-4000-8000-000000000000', i), seq + i, project, 'copy ' || i, state, runner, submitted, json_set(doc, '$.id', project || ':' || printf('%08x-0000-4000-8000-000000000000', i)), work
			FROM n, (SELECT * FROM builds ORDER BY seq DESC LIMIT 1)`,
		"deployments": n +
			`INSERT INTO deploy_deployments (id, place, application, grp, status, live, created, doc, state, traffic)
			SELECT printf('d-%09X', i), place || printf('%09d', i), application, grp, status, live, created, json_set(doc, '$.deploymentId', printf('d-%09X', i)), state, traffic
			FROM n, (SELECT * FROM deploy_deployments ORDER BY place DESC LIMIT 1)`,
	} {
		if _, err := db.Exec(statement, stored); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if _, err := db.Exec(`UPDATE pipelines SET sequence = sequence + $1`, stored); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(n+`INSERT INTO pipelines (name, doc, stages, sequence, created, updated, attention)
		SELECT name || '-' || i, json_set(doc, '$.name', name || '-' || i), stages, sequence, created, updated, i % 4 FROM n, (SELECT * FROM pipelines LIMIT 1)`, 100); err != nil {
		t.Fatal(err)
	}
}

// person reads pages as a browser does, without one.
type person struct {
	t      *testing.T
	client http.Client
	url    string
}

func newPerson(t *testing.T, i *instance) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, client: http.Client{Jar: jar}, url: i.url}
	resp, err := p.client.PostForm(i.url+"/signin",
		url.Values{"name": {keyID}, "secret": {secret}, "to": {"/settings"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	return p
}

// read takes the shortest of some times that a page took, which is what it costs when nothing else is in the way, and
// its size in bytes.
func (p *person) read(path string) (least time.Duration, size int) {
	p.t.Helper()
	least = time.Hour
	for range 15 {
		began := time.Now()
		resp, err := p.client.Get(p.url + path)
		if err != nil {
			p.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			p.t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		least, size = min(least, time.Since(began)), len(body)
	}
	return least, size
}

// TestPagesWithALongHistory reads the pages with a short history and with a long one: they cost about the same, and
// none is large.
func TestPagesWithALongHistory(t *testing.T) {
	w := newWay(t)
	w.push()
	w.settles(true)
	build := must(w.builds.ListBuilds(t.Context(), &cb.ListBuildsInput{}))(t).Ids[0]
	deployment := must(w.deploys.ListDeployments(t.Context(),
		&cd.ListDeploymentsInput{ApplicationName: aws.String(wayName), DeploymentGroupName: aws.String(wayName)}))(
		t).Deployments[0]
	executions, err := w.executions()
	if err != nil {
		t.Fatal(err)
	}
	pages := []string{"/settings", "/board", "/pipelines/way",
		"/pipelines/way/executions/" + *executions[0].PipelineExecutionId, "/builds", "/builds/" + build,
		"/projects/way", "/deployments",
		"/deployments/" + deployment, "/deployments/" + deployment + "/hosts/host", "/applications/way/way",
		"/releases", "/tests", "/repositories", "/repositories/way", "/repositories/way/commits",
		"/repositories/way/commits/" + *executions[0].SourceRevisions[0].RevisionId, "/settings/hosts",
		"/settings/processes", "/find?q=change"}
	short := map[string]time.Duration{}
	p := newPerson(t, w.instance)
	for _, page := range pages {
		short[page], _ = p.read(page)
	}
	w.agent.end()
	w.stop()
	lengthen(t, w.instance, stored)
	w.start()
	p = newPerson(t, w.instance)
	trivial := short[pages[0]]
	for _, page := range pages {
		least, size := p.read(page)
		t.Logf("%-70s %6.1f ms, before %6.1f ms, %6d bytes", page, least.Seconds()*1000, short[page].Seconds()*1000,
			size)
		if size > maxPage {
			t.Errorf("%s has %d bytes", page, size)
		}
		// The board and what looks through it have a hundred pipelines more, and lists are full instead of two rows
		// long; everything else costs what it did. Reading through a history takes some hundred times the trivial page.
		if least > 8*short[page]+20*trivial {
			t.Errorf("%s takes %s with %d executions and %s with two", page, least, stored, short[page])
		}
	}
	text := ""
	resp, err := p.client.Get(w.url + "/pipelines/way")
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		text = string(body)
	}
	if want := fmt.Sprintf("%08x-0000", stored); err != nil || !strings.Contains(text, want) {
		t.Errorf("the page of the pipeline does not show the newest execution %s, %v", want, err)
	}
}
