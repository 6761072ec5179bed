package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slipway/api/awsproto"
	cmd "slipway/api/codedeploycommand"
)

const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
	// parallel bounds the commands that run at once, each of another deployment.
	parallel = 16
	// pollFor is longer than any server holds a poll.
	pollFor = 80 * time.Second
	callFor = 30 * time.Second
	// betweenPolls spaces polls that were answered at once, with nothing to do.
	betweenPolls = time.Second
	// goodbye is how long a stopping agent goes on telling the server what became of its commands.
	goodbye = 3 * time.Second
)

// version is what the server is told in x-amz-codedeploy-agent-version.
const version = "slipway"

type agent struct {
	Config
	paths
	api      cmd.API
	identity string // the host identifier
	pins     pins
	logs     deploymentsLog
	slots    chan struct{}
	running  sync.WaitGroup
	mu       sync.Mutex
	busy     map[string]chan struct{} // deployments with a command in hand; closed when it is out of it
}

// Run is the agent. It returns when ctx ends, within ten seconds: scripts that run are ended and reported as failed.
// Whatever else goes wrong it tries again.
func Run(ctx context.Context, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	a := &agent{Config: c, paths: paths{c.Root}, slots: make(chan struct{}, parallel), busy: map[string]chan struct{}{}}
	if a.HTTP == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 8
		a.HTTP = &http.Client{Transport: transport}
	}
	a.api = cmd.Client{
		Client: &awsproto.Client{Endpoint: c.Endpoint, Region: c.Region, Credentials: c.Credentials, HTTP: a.HTTP,
			Header: http.Header{"X-Amz-Codedeploy-Agent-Version": {version}}},
	}
	if err := a.makeFolders(); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(a.state(), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	a.pins.path = filepath.Join(a.state(), "signer.pem")
	a.logs.dir = a.deploymentLogs()
	defer a.logs.close()
	if err := a.identify(ctx); err != nil {
		return ended(ctx, err)
	}
	if err := a.announce(ctx); err != nil {
		return ended(ctx, err)
	}
	a.Log.Info("agent started", "host", a.identity, "server", c.Endpoint, "root", c.Root)
	return a.work(ctx)
}

// work takes up what was in hand and takes commands until ctx ends or the server refuses the key. Then no report waits
// for a server that will not take it: the next start tries it again.
func (a *agent) work(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer a.running.Wait()
	defer stop()
	a.recover(ctx)
	return a.poll(ctx)
}

// makeFolders makes the agent's folders. They may go while the agent runs: people empty them when a disk is full.
func (a *agent) makeFolders() error {
	for _, dir := range []string{a.root(), a.instructions(), a.ongoing(), a.state()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return worded(err)
		}
	}
	return nil
}

// ended makes no error of an end that was asked for.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// lock makes sure that one agent works on these files.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another agent holds %s; stop it, or give this one a root of its own", path)
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// poll takes commands until ctx ends. A key that the server does not take when the agent starts ends it with the
// reason; one that stops being taken later may be one that is being replaced.
func (a *agent) poll(ctx context.Context) error {
	wait, taken := backoff{}, false
	for ctx.Err() == nil {
		select {
		case a.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		asked := time.Now()
		c, err := a.ask(ctx)
		if err != nil || c == nil {
			<-a.slots
		}
		taken = taken || err == nil
		switch {
		case err != nil && !taken && a.refused(err) != nil:
			return a.refused(err)
		case err != nil:
			wait.miss(ctx, a, err)
		case c != nil:
			wait.reset(a, "the server answers again")
			a.running.Go(func() {
				defer func() { <-a.slots }()
				a.handle(ctx, c, nil)
			})
		case err == nil:
			wait.reset(a, "the server answers again")
			pause(ctx, betweenPolls-time.Since(asked)) // a server that does not hold polls is not asked all the time
		}
	}
	return nil
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(max(0, d)):
	case <-ctx.Done():
	}
}

func (a *agent) ask(ctx context.Context) (*cmd.HostCommandInstance, error) {
	ctx, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	out, err := a.api.PollHostCommand(ctx, &cmd.PollHostCommandInput{HostIdentifier: &a.identity})
	if err != nil || out.HostCommand == nil {
		return nil, err
	}
	c := out.HostCommand
	if c.HostCommandIdentifier == nil || c.CommandName == nil || c.DeploymentExecutionId == nil {
		return nil, errors.New("the server handed out a command without a name")
	}
	return c, nil
}

// backoff spaces attempts, up to a few seconds.
type backoff struct {
	next   time.Duration
	failed int
}

func (b *backoff) first() bool { b.failed++; return b.failed == 1 || b.failed%60 == 0 }

// miss notes that the server could not be asked, and waits.
func (b *backoff) miss(ctx context.Context, a *agent, err error) {
	if ctx.Err() != nil {
		return
	}
	if b.first() {
		a.Log.Warn("the server can't be asked for commands; trying again", "error", err)
	}
	b.sleep(ctx)
}

func (b *backoff) sleep(ctx context.Context) {
	b.next = min(max(firstBackoff, 2*b.next), lastBackoff)
	pause(ctx, b.next)
}

func (b *backoff) reset(a *agent, message string) {
	if b.failed > 0 {
		a.Log.Info(message)
	}
	*b = backoff{}
}

// final reports whether trying a call again is of no use.
func final(err error) bool {
	e, ok := errors.AsType[awsproto.ServiceError](err)
	if !ok || e.HTTPStatus() >= 500 || e.HTTPStatus() == http.StatusTooManyRequests {
		return false
	}
	switch e.ErrorCode() {
	// A clock that is being set, a key that is being replaced.
	case "InvalidSignatureException", "UnrecognizedClientException", "ThrottlingException", "ExpiredTokenException":
		return false
	}
	return true
}
