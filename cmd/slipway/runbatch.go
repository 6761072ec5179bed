package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/batch"
	"slipway/internal/runner"
	"slipway/internal/runner/room"
	"slipway/spec/buildspec"
)

// localBatch is a batch of builds while it runs. One goroutine has it.
type localBatch struct {
	command *runCommand
	config  runner.LocalConfig
	tree    string // absolute
	dir     string // of the copies of the tree
	logs    string // folder of the builds' logs
	builds  map[string]*batchBuild
	order   []*batchBuild
	state   batch.State
	running int
	waiting []*batchBuild // that may start, once another one has ended
	ends    chan *batchBuild
	show    batchShow
}

// batchBuild is a build of a batch.
type batchBuild struct {
	buildspec.BatchBuild
	depth  int // in the tree that is shown
	cancel context.CancelFunc
	stop   bool // it is to end
	result slipway.Result
	err    error // why it could not be run
	began  time.Time
	took   time.Duration
}

// batch runs the builds of the buildspec's batch: which start, and how the batch ends, is decided as on a server.
func (c *runCommand) batch(ctx context.Context, config runner.LocalConfig) error {
	b, err := c.openBatch(config)
	if err != nil {
		return err
	}
	defer room.RemoveAll(b.dir) //nolint:errcheck // copies of the source
	began := time.Now()
	b.show.begin(b)
	b.decide(ctx, batch.Read{FastFail: b.state.FastFail, Parts: b.parts()})
	stopped := ctx.Done()
	for b.state.Stage != batch.Over {
		select {
		case x := <-b.ends:
			b.running--
			x.took = time.Since(x.began)
			b.show.ended(x)
			b.decide(ctx, batch.Ended{Build: x.Identifier, Status: x.result.Status})
		case <-stopped:
			stopped = nil
			b.decide(ctx, batch.Stop{})
		}
	}
	b.show.end()
	return b.tell(time.Since(began))
}

// openBatch reads the batch.
func (c *runCommand) openBatch(config runner.LocalConfig) (*localBatch, error) {
	tree, err := filepath.Abs(config.Tree)
	if err != nil {
		return nil, err
	}
	name, text, err := runner.ReadSpec(tree, config.Buildspec)
	if err != nil {
		return nil, err
	}
	spec, err := buildspec.Parse(name, text)
	if err != nil {
		return nil, err
	}
	if spec.Batch == nil {
		return nil, fmt.Errorf("%s has no batch section: run it without --batch", name)
	}
	builds, err := spec.Batch.Builds()
	if err != nil {
		return nil, err
	}
	b := &localBatch{
		command: c, config: config, tree: tree, builds: map[string]*batchBuild{}, ends: make(chan *batchBuild),
		state: batch.Begin(false).State,
	}
	b.state.FastFail = spec.Batch.FastFail
	for _, x := range builds {
		of := &batchBuild{BatchBuild: x}
		b.builds[x.Identifier] = of
		b.order = append(b.order, of)
	}
	if b.dir, err = os.MkdirTemp("", "slipway-batch-"); err != nil {
		return nil, err
	}
	b.order = asTree(b.order)
	b.show = newBatchShow(os.Stdout)
	return b, nil
}

// batchLogs makes an empty folder for the logs of a tree's batches, which take the place of those before.
func batchLogs(tree string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "slipway", "batches", strings.Trim(strings.ReplaceAll(tree, "/", "-"), "-"))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// asTree puts each build below the one that it depends on first.
func asTree(builds []*batchBuild) (all []*batchBuild) {
	below := map[string][]*batchBuild{}
	for _, x := range builds {
		parent := ""
		if len(x.DependOn) > 0 {
			parent = x.DependOn[0]
		}
		below[parent] = append(below[parent], x)
	}
	var add func(parent string, depth int)
	add = func(parent string, depth int) {
		for _, x := range below[parent] {
			x.depth = depth
			all = append(all, x)
			add(x.Identifier, depth+1)
		}
	}
	add("", 0) // there are no circles: the buildspec was read, and has at most 100 builds
	return all
}

func (b *localBatch) parts() (all []batch.Part) {
	for _, x := range b.order {
		all = append(all, batch.Part{Identifier: x.Identifier, DependsOn: x.DependOn, IgnoreFailure: x.IgnoreFailure})
	}
	return all
}

// decide takes in what happened, and does what follows.
func (b *localBatch) decide(ctx context.Context, e batch.Event) {
	d := batch.Decide(b.state, e)
	b.state = d.State
	for _, place := range d.Start {
		p := &b.state.Parts[place]
		p.Build = p.Identifier
		b.waiting = append(b.waiting, b.builds[p.Identifier])
	}
	for _, id := range d.Halt {
		x := b.builds[id]
		if x.stop = true; x.cancel != nil {
			x.cancel()
		}
	}
	limit := cmp.Or(b.command.Parallel, runtime.NumCPU())
	for len(b.waiting) > 0 && b.running < limit {
		x := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.start(ctx, x)
	}
}

// start runs a build in a copy of the tree.
func (b *localBatch) start(ctx context.Context, x *batchBuild) {
	run, cancel := context.WithCancel(ctx)
	x.cancel, x.began = cancel, time.Now()
	b.running++
	if x.stop { // before its turn came
		cancel()
		x.result.Status = codebuild.StatusTypeStopped
		go func() { b.ends <- x }()
		return
	}
	out, err := b.show.output(b, x)
	if err == nil {
		b.show.began(x)
	}
	go func() {
		defer cancel()
		if err == nil {
			x.result, err = b.run(run, x, out)
			err = errors.Join(err, out.Close())
		}
		switch {
		case err == nil:
		case run.Err() != nil:
			x.result.Status = codebuild.StatusTypeStopped
		default:
			x.err, x.result.Status = err, codebuild.StatusTypeFault
		}
		b.ends <- x
	}()
}

func (b *localBatch) run(ctx context.Context, x *batchBuild, out io.Writer) (slipway.Result, error) {
	config := b.config
	config.Tree, config.CopyOf = filepath.Join(b.dir, x.Identifier, filepath.Base(b.tree)), b.tree
	config.Output = out
	config.Variables = map[string]string{"CODEBUILD_BATCH_BUILD_IDENTIFIER": x.Identifier}
	for _, v := range x.Env.Variables {
		config.Variables[v.Name] = v.Value
	}
	maps.Copy(config.Variables, b.config.Variables)
	config.Buildspec = cmp.Or(x.Buildspec, config.Buildspec)
	if config.Image != "" && x.Env.Image != "" && !strings.HasPrefix(x.Env.Image, "aws/codebuild/") {
		config.Image = x.Env.Image
	} else if x.Env.Image != "" {
		fmt.Fprintf(out, "The image %s of the batch is not used (%s)\n", x.Env.Image, insteadOf(config.Image))
	}
	if err := copySource(ctx, b.tree, config.Tree, b.dir); err != nil {
		return slipway.Result{}, err
	}
	result, err := runner.Local(ctx, config)
	return result, errors.Join(err, room.RemoveAll(filepath.Dir(config.Tree)))
}

func insteadOf(image string) string {
	if image == "" {
		return "builds run on this machine without --image"
	}
	return "it is one of CodeBuild's own; builds run in " + image
}

// tell says how the batch ended, and why builds of it failed.
func (b *localBatch) tell(took time.Duration) error {
	var out strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	say("\n%s in %s", b.state.Ending.Status, took.Round(time.Millisecond))
	for _, x := range b.order {
		p := b.part(x.Identifier)
		indent := strings.Repeat("  ", x.depth)
		switch {
		case p.Skipped:
			say("  %s%-20s not started: %s", indent, x.Identifier, b.skipped(x))
		default:
			say("  %s%-20s %-10s %s", indent, x.Identifier, p.Status, x.took.Round(time.Millisecond))
		}
	}
	if m := b.state.Ending.Message; m != "" {
		say("%s", m)
	}
	for _, x := range b.order {
		failed := x.err != nil || x.result.Cause != nil
		if !failed || x.result.Status == codebuild.StatusTypeSucceeded {
			continue
		}
		say("\n%s:", x.Identifier)
		if x.err != nil {
			say("%v", x.err)
		}
		for _, r := range x.result.Reports {
			failedTests(say, &r)
		}
		cause(say, &x.result)
		if file := b.show.log(b, x); file != "" {
			say("log: %s", file)
		}
	}
	_, err := os.Stdout.WriteString(out.String())
	if err == nil && b.state.Ending.Status != codebuild.StatusTypeSucceeded {
		return exitError(1)
	}
	return err
}

func (b *localBatch) part(identifier string) batch.Part {
	i := slices.IndexFunc(b.state.Parts, func(p batch.Part) bool { return p.Identifier == identifier })
	if i < 0 {
		return batch.Part{Skipped: true} // the batch ended before
	}
	return b.state.Parts[i]
}

// skipped says why a build never started.
func (b *localBatch) skipped(x *batchBuild) string {
	for _, name := range x.DependOn {
		if p := b.part(name); p.Skipped || p.Status != codebuild.StatusTypeSucceeded && !p.IgnoreFailure {
			return name + " did not succeed"
		}
	}
	return "the batch ended before"
}
