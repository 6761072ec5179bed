package runner

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Names of the two FIFOs between the runner and a build's shell, in the folder of box.hostShell. The shell reads its
// commands from the first, as it would read a script (CodeBuild's own has this name too); it opens the second for as
// long as it takes to answer.
const (
	scriptName = "script.sh"
	answerName = "answer"
)

// supervisor starts the shell, starts another one when a command has ended it, and tells its exit status. Its own
// errors ("Killed") go nowhere.
const supervisor = `exec 5>&2 2>/dev/null
while :; do
"$@" 2>&5 5>&-
printf '\0X\0%s\0' "$?" >"$0"
done
`

// shell is a shell that runs one command after another, as a script does: directory, variables, options, traps and
// descriptors carry over.
//
// The shell has no variable, function or open descriptor of the runner's. It reads a script, in which commands and
// answers take turns (see runs).
type shell struct {
	box     *box
	argv    []string // the shell itself
	env     []string // of the supervisor: nothing that a build can choose
	out     *output
	initial string // commands that set the environment of a fresh shell

	cmd     *process
	in      *os.File
	answers chan answer
	done    chan struct{} // closed when the process has ended
	stopped func()

	nonce  string // tells this shell's answers from what else may be written to the FIFO
	serial int
	last   answer // what is known of the shell, for the next one too
	fresh  bool   // the shell has not been told its state
}

func (s *shell) bash() bool { return path.Base(s.argv[0]) == "bash" }

// pipes makes the two FIFOs and opens them. The runner has both ends of each, so that neither side waits for the other
// to open one.
func (s *shell) pipes() (in, replies *os.File, err error) {
	dir := s.box.hostShell()
	open := func(name string) (*os.File, error) {
		file := filepath.Join(dir, name)
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			return nil, &os.PathError{Op: "mkfifo", Path: file, Err: err}
		}
		if err := s.box.own(file); err != nil {
			return nil, err
		}
		return os.OpenFile(file, os.O_RDWR, 0)
	}
	if in, err = open(scriptName); err != nil {
		return nil, nil, err
	}
	if replies, err = open(answerName); err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	return in, replies, nil
}

func (s *shell) start() error {
	in, replies, err := s.pipes()
	if err != nil {
		return err
	}
	inside := s.box.shellFolder()
	argv := append([]string{"/bin/sh", "-c", supervisor, path.Join(inside, answerName)}, s.argv...)
	s.cmd = s.box.command(append(argv, path.Join(inside, scriptName)), s.env)
	s.cmd.Stdout, s.cmd.Stderr = s.out.write, s.out.write
	if err := s.cmd.start(); err != nil {
		_, _ = in.Close(), replies.Close()
		s.cmd = nil
		return fmt.Errorf("start a shell: %w", err)
	}
	s.in, s.answers, s.done, s.fresh, s.nonce = in, make(chan answer, 16), make(chan struct{}), true, rand.Text()
	quit := make(chan struct{})
	cmd, done := s.cmd, s.done
	go func() {
		_ = cmd.wait()
		close(done)
	}()
	go listen(replies, s.nonce, s.answers, quit)
	s.stopped = func() {
		close(quit)
		_ = in.Close()
		cmd.kill()
		<-done
		_ = replies.Close()
		s.out.flush()
	}
	return nil
}

// run runs a command, to its end or the context's, and returns its exit status. What it wrote is in the log when run
// returns; what its background processes write comes later.
func (s *shell) run(ctx context.Context, command string) (int, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	if !s.bash() && strings.Contains(s.last.flags, "v") { // dash does not echo what eval reads
		s.out.log.output([]byte(strings.TrimRight(command, "\n") + "\n"))
	}
	a, err := s.send(ctx, s.runs(command))
	if err != nil {
		return 0, err
	}
	if a.ended {
		s.last.status = 0
	} else {
		s.last = a
	}
	return a.status, nil
}

// ready starts the shell, or tells a fresh one what the former one knew.
func (s *shell) ready(ctx context.Context) error {
	if s.cmd == nil {
		if err := s.start(); err != nil {
			return err
		}
	}
	if !s.fresh {
		return nil
	}
	s.fresh = false
	cmd := s.cmd
	a, err := s.send(ctx, s.evaluated(s.restoring()))
	<-cmd.adopted // nothing of the build runs before
	if err == nil && a.ended {
		err = fmt.Errorf("the shell %s ended at once with status %d", s.argv[0], a.status)
	}
	return err
}

// ask returns what the shell makes of a word, such as "${NAME-}".
func (s *shell) ask(ctx context.Context, word string) (string, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	a, err := s.send(ctx, s.expanded(word))
	if err == nil && a.ended {
		err = fmt.Errorf("the shell cannot expand it: exit status %d", a.status)
	}
	return a.reply, err
}

// send gives the shell a part of its script and waits for its answer, or for the shell's end.
func (s *shell) send(ctx context.Context, request string) (answer, error) {
	request = strings.ReplaceAll(request, "\x00", "")
	written := make(chan struct{})
	go func(in *os.File) { // a shell that dies reads no more, and the rest of a long command must not block
		defer close(written)
		_, _ = io.WriteString(in, request)
	}(s.in)
	for {
		select {
		case a := <-s.answers:
			if !a.ended && a.serial != s.serial {
				continue // not of this request
			}
			if a.ended {
				s.renew(written)
			}
			s.out.flush()
			return a, nil
		case <-s.done:
			return s.gone(), nil
		case <-ctx.Done():
			s.stop()
			return answer{}, context.Cause(ctx)
		}
	}
}

// renew makes the next request begin with a fresh shell. The supervisor has started it already, and background
// processes go on, unless a part of the request is still in the FIFO: the fresh shell would run it.
func (s *shell) renew(written <-chan struct{}) {
	s.fresh = true
	select {
	case <-written:
		if left, err := waiting(s.in); err == nil && left == 0 {
			return
		}
	default:
	}
	s.stop()
}

// gone is the answer when a command has killed the shell and what had started it.
func (s *shell) gone() answer {
	status := 137
	if p := s.cmd.ProcessState; p != nil && p.Exited() && p.ExitCode() > 0 {
		status = p.ExitCode()
	}
	s.stop()
	return answer{ended: true, status: status}
}

// leave ends the shell as the end of its script does, so that its EXIT traps run, and then all its processes.
func (s *shell) leave(ctx context.Context) {
	if s.cmd != nil && !s.fresh {
		_, _ = s.send(ctx, fmt.Sprintf("exit %d\n", s.last.status))
	}
	s.stop()
}

// stop kills all processes of the shell.
func (s *shell) stop() {
	if s.cmd != nil {
		s.stopped()
		s.cmd = nil
	}
}
