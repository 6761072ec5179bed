package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cb "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
)

// growing are the tables that a server's history makes longer.
var growing = []string{"builds", "pipeline_executions", "deploy_deployments", "deploy_targets", "deploy_revisions",
	"objects", "parts", "jobs",
	"reports", "release_releases", "refs", "sessions", "tokens", "monitor_history"}

// reads are operations that a client polls or lists with, each with an input.
func (w *way) reads(build, deployment, execution string) [][3]string {
	return [][3]string{
		{"codebuild", "ListBuilds", `{}`},
		{"codebuild", "ListBuildsForProject", `{"projectName": "way"}`},
		{"codebuild", "BatchGetBuilds", `{"ids": ["` + build + `"]}`},
		{"codebuild", "ListProjects", `{}`},
		{"codebuild", "ListReports", `{}`},
		{"codepipeline", "ListPipelines", `{}`},
		{"codepipeline", "GetPipelineState", `{"name": "way"}`},
		{"codepipeline", "ListPipelineExecutions", `{"pipelineName": "way"}`},
		{"codepipeline", "ListActionExecutions", `{"pipelineName": "way"}`},
		{"codepipeline", "GetPipelineExecution", `{"pipelineName": "way", "pipelineExecutionId": "` + execution + `"}`},
		{"codedeploy", "ListDeployments", `{}`},
		{"codedeploy", "ListDeployments", `{"applicationName": "way", "deploymentGroupName": "way"}`},
		{"codedeploy", "GetDeployment", `{"deploymentId": "` + deployment + `"}`},
		{"codedeploy", "BatchGetDeployments", `{"deploymentIds": ["` + deployment + `"]}`},
		{"codedeploy", "ListDeploymentTargets", `{"deploymentId": "` + deployment + `"}`},
		{"codedeploy", "ListApplicationRevisions", `{"applicationName": "way"}`},
		{"codedeploy", "ListOnPremisesInstances", `{}`},
		{"codecommit", "ListRepositories", `{}`},
		{"codecommit", "BatchGetRepositories", `{"repositoryNames": ["way", "none"]}`},
		{"slipway", "GetBoard", `{"pipelineName": "way"}`},
		{"slipway", "ListExecutions", `{"pipelineName": "way"}`},
		{"slipway", "ListWaiting", `{}`},
		{"slipway", "ListServing", `{"groups": [{"applicationName": "way", "deploymentGroupName": "way"}]}`},
		{"slipway", "ListReleases", `{}`},
		{"slipway", "ListRunners", `{}`},
		{"slipway", "ListFleetStates", `{}`},
		{"slipway", "ListJobs", `{}`},
		{"slipway", "ExplainBuild", `{"id": "` + build + `"}`},
		{"slipway", "DescribeChanges", `{"ids": ["` + build + `", "` + deployment + `"]}`},
	}
}

// TestStatementsWithALongHistory counts the statements of operations and pages with a short history and with a long
// one, and looks at how SQLite finds their rows: none takes more statements, and none reads the whole of a table that
// grows.
func TestStatementsWithALongHistory(t *testing.T) {
	i := prepare(t, "slipway_fault")
	statements := filepath.Join(folder(t), "statements")
	i.env = []string{"SLIPWAY_SQL_LOG=" + statements}
	i.start()
	w := newWayOn(t, i)
	build := must(w.builds.ListBuilds(t.Context(), &cb.ListBuildsInput{}))(t).Ids[0]
	deployment := must(w.deploys.ListDeployments(t.Context(),
		&cd.ListDeploymentsInput{ApplicationName: aws.String(wayName), DeploymentGroupName: aws.String(wayName)}))(
		t).Deployments[0]
	execution := *must(w.executions())(t)[0].PipelineExecutionId
	pages := []string{"/settings", "/settings/jobs?all", "/settings/hosts", "/settings/processes", "/pipelines/way",
		"/pipelines/way/executions/" + execution, "/builds",
		"/builds/" + build, "/projects/way", "/deployments", "/deployments/" + deployment, "/applications/way/way",
		"/releases", "/tests", "/repositories",
		"/repositories/way"}
	count := func(ask func()) int { // the least of three: others ask for something meanwhile
		least := 1 << 30
		for range 3 {
			before := sizeOf(t, statements)
			ask()
			text := must(os.ReadFile(statements))(t)
			least = min(least, strings.Count(string(text[before:]), "\x00"))
		}
		return least
	}
	measure := func() map[string]int {
		p, counts := newPerson(t, i), map[string]int{}
		for _, page := range pages {
			counts[page] = count(func() { p.once(page) })
		}
		for _, r := range w.reads(build, deployment, execution) {
			counts[strings.Join(r[:], " ")] = count(func() {
				if out, err := i.slipway("api", r[0], r[1], r[2]); err != nil {
					t.Errorf("%v: %v %s", r, err, out)
				}
			})
		}
		return counts
	}
	short := measure()
	w.agent.end()
	w.stop()
	lengthen(t, i, stored)
	w.start()
	for what, n := range measure() {
		if n > short[what]+2 { // where there is a second page, it may be asked for
			t.Errorf("%s takes %d statements with a long history, %d with a short one", what, n, short[what])
		}
	}
	w.stop()
	scans(t, i, strings.Split(string(must(os.ReadFile(statements))(t)), "\x00"))
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	return must(os.Stat(path))(t).Size()
}

func (p *person) once(path string) {
	p.t.Helper()
	resp := must(p.client.Get(p.url + path))(p.t)
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		p.t.Fatalf("%s: %s", path, resp.Status)
	}
}

var wholeTable = regexp.MustCompile(`^SCAN (\w+)( |$)`)

// scans fails for each statement that was made and that reads the whole of a table that grows.
func scans(t *testing.T, i *instance, statements []string) {
	t.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(i.data, "slipway.db")))(t)
	defer db.Close()
	slices.Sort(statements)
	for _, s := range slices.Compact(statements) {
		if !strings.HasPrefix(strings.TrimSpace(s), "SELECT") {
			continue
		}
		for _, step := range plan(t, db, s) {
			m := wholeTable.FindStringSubmatch(step)
			if m != nil && slices.Contains(growing, tableOf(s, m[1])) && !bounded(t, db, s, step) {
				t.Errorf("%s\nreads the whole of a table: %s", s, step)
			}
		}
	}
}

// bounded tells whether a scan ends early, by the statement's limit, or goes over an index that holds few of the rows.
func bounded(t *testing.T, db *sql.DB, statement, step string) bool {
	t.Helper()
	_, index, by := strings.Cut(step, "INDEX ")
	if !by {
		return false
	}
	if strings.Contains(statement, "LIMIT") {
		return true
	}
	index, _, _ = strings.Cut(index, " ")
	var partial bool
	if err := db.QueryRow(`SELECT COUNT(*) FROM sqlite_schema WHERE name = $1 AND sql LIKE '% WHERE %'`,
		index).Scan(&partial); err != nil {
		t.Fatal(err)
	}
	return partial
}

// tableOf is the table that a name in a plan stands for: it may be an alias of the statement.
func tableOf(statement, name string) string {
	if m := regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+)?` + name + `\b`).FindStringSubmatch(
		statement); m != nil {
		return m[1]
	}
	return name
}

func plan(t *testing.T, db *sql.DB, statement string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(statement, "$"))
	rows, err := db.Query("EXPLAIN QUERY PLAN "+statement, args...)
	if err != nil {
		return nil // of a table that is made at run time
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", statement, err))
	}
	return steps
}
