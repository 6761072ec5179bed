package e2e

import (
	"os/exec"
	"sync"
	"syscall"
)

// agentProcess is an agent that is started again when it dies.
type agentProcess struct {
	mu   sync.Mutex
	pid  int
	stop chan struct{}
	done chan struct{}
	log  *output
}

// keepAgent starts an agent and keeps it running until the test ends.
func (i *instance) keepAgent(name, root string, env []string, args ...string) *agentProcess {
	a := &agentProcess{stop: make(chan struct{}), done: make(chan struct{}), log: new(output)}
	started := make(chan struct{})
	var once sync.Once
	go func() {
		defer close(a.done)
		for {
			c := exec.Command(i.program,
				append([]string{"agent", "--endpoint", i.url, "--region", region, "--name", name, "--root", root},
					args...)...)
			c.Env = append(environment(), env...)
			c.Stdout, c.Stderr = a.log.file(i.t), a.log.file(i.t)
			if err := c.Start(); err != nil {
				i.t.Error(err)
				once.Do(func() { close(started) })
				return
			}
			a.mu.Lock()
			a.pid = c.Process.Pid
			a.mu.Unlock()
			once.Do(func() { close(started) })
			ended := make(chan struct{})
			go func() { _ = c.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-a.stop:
				_ = c.Process.Signal(syscall.SIGTERM)
				<-ended
				return
			}
		}
	}()
	<-started
	i.t.Cleanup(func() {
		a.end()
		if i.t.Failed() {
			i.t.Logf("the agent of %s printed:\n%s", name, tail(a.log.String(), 20))
		}
	})
	return a
}

func (a *agentProcess) end() {
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
	<-a.done
}

func (a *agentProcess) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = syscall.Kill(a.pid, syscall.SIGKILL)
}
