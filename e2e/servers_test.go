package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cb "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	cc "github.com/aws/aws-sdk-go-v2/service/codecommit"
	cp "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/internal/store/storetest"
)

// servers are several servers on one PostgreSQL and one data folder, behind a load balancer. The instance's address is
// the balancer's.
type servers struct {
	*instance
	at   []string // their addresses
	mu   sync.Mutex
	pids map[string]*exec.Cmd // by name
}

// startServers starts servers, a balancer before them, and a runner that knows the balancer alone.
func startServers(t *testing.T, number int) *servers {
	t.Helper()
	dsn := storetest.Postgres(t).Database(t)
	i := prepare(t, "")
	s := &servers{instance: i, pids: map[string]*exec.Cmd{}}
	i.env = []string{"SLIPWAY_DATABASE=" + dsn}
	for range number {
		s.at = append(s.at, free(t))
	}
	s.balance()
	t.Cleanup(s.end)
	for _, at := range s.at {
		s.startServer(at)
	}
	s.run("runner", "runner", "--data", i.data, "--endpoint", i.url, "--region", region, "--builds", "4")
	return s
}

func (s *servers) startServer(at string) {
	s.t.Helper()
	s.run("server "+at, "server", "--data", s.data, "--listen", at, "--region", region, "--account", account,
		"--url", s.url)
	eventually(s.t, "the server at "+at+" answers", func() error {
		resp, err := http.Get("http://" + at + "/readyz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
}

// run starts a process.
func (s *servers) run(name string, args ...string) {
	s.t.Helper()
	c := exec.Command(s.program, args...)
	c.Env = append(append(environment(), s.env...), "SLIPWAY_ACCESS_KEY_ID="+keyID, "SLIPWAY_SECRET_ACCESS_KEY="+secret)
	c.Stdout, c.Stderr = s.log.file(s.t), s.log.file(s.t)
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pids[name] = c
}

// kill kills a server, and starts it anew.
func (s *servers) kill(at string) {
	s.t.Helper()
	s.mu.Lock()
	c := s.pids["server "+at]
	s.mu.Unlock()
	_ = c.Process.Kill()
	_ = c.Wait()
	s.startServer(at)
}

func (s *servers) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.pids {
		_ = c.Process.Signal(syscall.SIGTERM)
	}
	for _, c := range s.pids {
		_ = c.Wait()
	}
}

// at is the instance as reached through one of the servers alone.
func (s *servers) through(at string) *instance {
	return &instance{t: s.t, program: s.program, data: s.data, listen: at, url: "http://" + at, log: s.log}
}

// balance accepts connections at the instance's address and hands each to the next server that takes it.
func (s *servers) balance() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = l.Close() })
	var next atomic.Int64
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				for range s.at {
					out, err := net.Dial("tcp", s.at[int(next.Add(1))%len(s.at)])
					if err != nil {
						continue
					}
					defer out.Close()
					go func() { _, _ = io.Copy(out, in); _ = out.(*net.TCPConn).CloseWrite() }()
					_, _ = io.Copy(in, out)
					return
				}
			}()
		}
	}()
}

// again tries until a call succeeds: a server that is killed takes its connections with it.
func again(t testing.TB, what string, f func(ctx context.Context) error) {
	t.Helper()
	eventually(t, what, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return f(ctx)
	})
}

const (
	manyName = "many"
	// manyPipelines watch one branch: each push starts one execution of each.
	manyPipelines = 20
	// manyLines is how many lines a build prints.
	manyLines = 300
)

// prepareMany makes a repository, a project, and pipelines from one to the other.
func (s *servers) prepareMany() (checkout string) {
	s.t.Helper()
	ctx := s.t.Context()
	must(cc.NewFromConfig(s.sdk()).CreateRepository(ctx,
		&cc.CreateRepositoryInput{RepositoryName: aws.String(manyName)}))(s.t)
	must(s3.NewFromConfig(s.sdk(), func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: aws.String(manyName)}))(s.t)
	buildspec := fmt.Sprintf("version: 0.2\nphases:\n  build:\n    commands:\n"+
		"      - i=0; while [ $i -lt %d ]; do i=$((i+1)); echo \"line $i of $CODEBUILD_BUILD_ID\"; done\n", manyLines)
	must(cb.NewFromConfig(s.sdk()).CreateProject(ctx, &cb.CreateProjectInput{Name: aws.String(manyName),
		ServiceRole: aws.String("arn:aws:iam::" + account + ":role/slipway"),
		Source:      &cbtypes.ProjectSource{Type: cbtypes.SourceTypeCodepipeline, Buildspec: &buildspec},
		Artifacts:   &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeCodepipeline},
		Environment: &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeLinuxContainer,
			Image: aws.String("host"), ComputeType: cbtypes.ComputeTypeBuildGeneral1Small}}))(s.t)
	checkout = s.checkout(manyName)
	s.commit(checkout, "first", map[string]string{"a.txt": "a"})
	s.git(checkout, "push", "-q", "origin", "main")
	eventually(s.t, "the push is told", func() error {
		jobs, err := s.slipway("api", "slipway", "ListJobs", "{}")
		if err == nil && strings.Contains(jobs, `"event.`) {
			err = errors.New("its event waits: " + jobs)
		}
		return err
	})
	p := wayPipeline()
	p.ArtifactStore.Location = aws.String(manyName)
	p.Stages = p.Stages[:2]
	p.Stages[0].Actions[0].Configuration["RepositoryName"] = manyName
	p.Stages[1].Actions[0].Configuration["ProjectName"] = manyName
	p.Stages[1].Actions[0].OutputArtifacts = nil
	for n := range manyPipelines {
		p.Name = aws.String(manyPipeline(n))
		must(cp.NewFromConfig(s.sdk()).CreatePipeline(ctx, &cp.CreatePipelineInput{Pipeline: p}))(s.t)
	}
	return checkout
}

func manyPipeline(n int) string { return fmt.Sprintf("%s-%d", manyName, n) }

// TestTwoServers has two servers on one PostgreSQL and one data folder know of each other at once, and lose nothing
// when they are killed while a hundred executions run.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2)
	checkout := s.prepareMany()
	t.Run("what happens at one shows at the other", s.tellEachOther)
	t.Run("a deleted key opens nothing", s.deletedKey)
	t.Run("a host talks to any of them", func(t *testing.T) {
		w := newWayOn(t, s.instance)
		for range 3 {
			w.push()
			w.settles(true)
		}
	})
	t.Run("killed", func(t *testing.T) { s.killedWhileExecutionsRun(t, checkout) })
}

// tellEachOther waits at one server, by a page's events and by a long poll, for what is done at the other.
func (s *servers) tellEachOther(t *testing.T) {
	here, there := s.through(s.at[0]), s.through(s.at[1])
	body := fmt.Sprintf(`{"topics": ["pipeline/%s"], "waitSeconds": 60}`, manyPipeline(0))
	place := func(out string) string {
		_, rest, _ := strings.Cut(out, `"at": "`)
		at, _, _ := strings.Cut(rest, `"`)
		return at
	}
	out, err := there.slipway("api", "slipway", "WaitForChange", body)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	waited := make(chan string, 1)
	began := time.Now()
	go func() {
		out, err := there.slipway("api", "slipway", "WaitForChange",
			strings.Replace(body, "{", `{"since": "`+place(out)+`", `, 1))
		waited <- fmt.Sprint(out, err)
	}()
	again(t, "disable a transition", func(ctx context.Context) error {
		_, err := cp.NewFromConfig(here.sdk()).DisableStageTransition(ctx, &cp.DisableStageTransitionInput{
			PipelineName: aws.String(manyPipeline(0)), StageName: aws.String("Build"), Reason: aws.String("test"),
			TransitionType: cptypes.StageTransitionTypeInbound})
		return err
	})
	if out := <-waited; !strings.Contains(out, `"changed": true`) || time.Since(began) > 30*time.Second {
		t.Errorf("the other server answers after %s: %s", time.Since(began), out)
	}
	state := must(cp.NewFromConfig(there.sdk()).GetPipelineState(t.Context(),
		&cp.GetPipelineStateInput{Name: aws.String(manyPipeline(0))}))(t)
	if state.StageStates[1].InboundTransitionState.Enabled {
		t.Error("the other server shows the transition as open")
	}
	must(cp.NewFromConfig(there.sdk()).EnableStageTransition(t.Context(), &cp.EnableStageTransitionInput{
		PipelineName: aws.String(manyPipeline(0)), StageName: aws.String("Build"),
		TransitionType: cptypes.StageTransitionTypeInbound}))(t)
}

// deletedKey makes a key at one server, uses it at the other, and deletes it at the first.
func (s *servers) deletedKey(t *testing.T) {
	here, there := s.through(s.at[0]), s.through(s.at[1])
	users := iam.NewFromConfig(here.sdk())
	key := must(users.CreateAccessKey(t.Context(),
		&iam.CreateAccessKeyInput{UserName: aws.String("administrator")}))(t).AccessKey
	use := func() error {
		_, err := cp.NewFromConfig(there.sdkAs(*key.AccessKeyId, *key.SecretAccessKey)).ListPipelines(t.Context(),
			&cp.ListPipelinesInput{})
		return err
	}
	made := time.Now()
	for err := use(); err != nil; err = use() {
		if time.Since(made) > time.Second {
			t.Fatalf("a second after it was made the other server does not know the key: %v", err)
		}
	}
	must(users.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("administrator"),
		AccessKeyId: key.AccessKeyId}))(t)
	began := time.Now()
	for use() == nil {
		if time.Since(began) > time.Second {
			t.Fatal("a second after it was deleted the key still opens the other server")
		}
	}
}

// killedWhileExecutionsRun has five pushes start a hundred executions, kills each server once during those of each
// push, and looks at what is left.
func (s *servers) killedWhileExecutionsRun(t *testing.T, checkout string) {
	pushes := rounds(2, 5)
	s.settle(t, 1)
	for n := range pushes {
		s.commit(checkout, fmt.Sprintf("change %d", n), map[string]string{"a.txt": fmt.Sprint(n)})
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			for _, at := range s.at {
				s.kill(at)
			}
		}()
		again(t, "a push", func(context.Context) error {
			out, err := s.gitFails(checkout, "push", "-q", "origin", "main")
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return err
		})
		<-killed
		s.settle(t, 2+n)
	}
	s.logsAreWhole(t, (1+pushes)*manyPipelines)
}

// settle waits until each pipeline has so many executions, all ended, and fails if there are others, or if one did not
// succeed.
func (s *servers) settle(t *testing.T, each int) {
	t.Helper()
	pipelines := cp.NewFromConfig(s.sdk())
	for n := range manyPipelines {
		var all []cptypes.PipelineExecutionSummary
		again(t, manyPipeline(n)+" settles", func(ctx context.Context) error {
			out, err := pipelines.ListPipelineExecutions(ctx,
				&cp.ListPipelineExecutionsInput{PipelineName: aws.String(manyPipeline(n))})
			if err != nil {
				return err
			}
			all = out.PipelineExecutionSummaries
			for _, e := range all {
				if e.Status == cptypes.PipelineExecutionStatusInProgress {
					return fmt.Errorf("%s is in progress", *e.PipelineExecutionId)
				}
			}
			if len(all) < each {
				return fmt.Errorf("%d executions, want %d", len(all), each)
			}
			return nil
		})
		if len(all) != each {
			t.Errorf("%s has %d executions, want %d: one for each push", manyPipeline(n), len(all), each)
		}
		for _, e := range all {
			if e.Status != cptypes.PipelineExecutionStatusSucceeded {
				t.Errorf("execution %s of %s is %s", *e.PipelineExecutionId, manyPipeline(n), e.Status)
			}
		}
	}
}

// logsAreWhole fails if a build ran twice, or a line of a log is missing or there twice.
func (s *servers) logsAreWhole(t *testing.T, want int) {
	t.Helper()
	var builds []string
	for p := cb.NewListBuildsForProjectPaginator(cb.NewFromConfig(s.sdk()),
		&cb.ListBuildsForProjectInput{ProjectName: aws.String(manyName)}); p.HasMorePages(); {
		builds = append(builds, must(p.NextPage(t.Context()))(t).Ids...)
	}
	if len(builds) != want {
		t.Errorf("%d builds for %d executions", len(builds), want)
	}
	for _, id := range builds {
		text, err := s.slipway("logs", id)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		count := map[string]int{}
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			count[lines.Text()]++
		}
		for n := 1; n <= manyLines; n++ {
			if line := fmt.Sprintf("line %d of %s", n, id); count[line] != 1 {
				t.Errorf("the log has %q %d times", line, count[line])
				break
			}
		}
	}
}
