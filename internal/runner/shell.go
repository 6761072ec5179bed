package runner

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"path"
	"strings"

	"slipway/internal/runner/room"
)

// shell is a shell that runs one command after another, as a script does: directory, variables, options, traps and
// descriptors carry over.
//
// The shell has no variable, function or open descriptor of the runner's. It reads a script, in which commands and
// answers take turns (see runs).
type shell struct {
	room    room.Room
	argv    []string // the shell itself
	path    string   // PATH by which it is found, if it is not the room's own
	out     *output
	as      account             // the user of the next shell
	grant   func(account) error // lets the user open the shell's streams
	own     string              // commands that set the variables of the room's own user
	initial string              // commands that set the environment of a fresh shell

	open    room.Shell // nil before the first command, and once it was stopped
	answers chan answer
	quit    chan struct{} // closed when nobody wants answers any more

	nonce  string // tells this shell's answers from what else may be written to the stream
	serial int
	last   answer // what is known of the shell, for the next one too
	fresh  bool   // the shell has not been told its state
	first  string // what a new shell reads before its first command, and is not asked about
}

func (s *shell) bash() bool { return path.Base(s.argv[0]) == "bash" }

// start takes the room's shell.
func (s *shell) start() error {
	open, err := s.room.Shell()
	if err != nil {
		return fmt.Errorf("start a shell: %w", err)
	}
	s.open, s.answers, s.quit = open, make(chan answer, 16), make(chan struct{})
	s.fresh, s.nonce = true, rand.Text()
	go listen(open, s.nonce, s.answers, s.quit)
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
	request := s.first + s.runs(command)
	s.first = ""
	a, err := s.send(ctx, request)
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

// ready takes the room's shell, or tells a fresh one what the former one knew.
func (s *shell) ready(ctx context.Context) error {
	if s.open == nil {
		if err := s.start(); err != nil {
			return err
		}
	}
	if !s.fresh {
		return nil
	}
	s.fresh = false
	if s.as.name != "" {
		if err := s.grant(s.as); err != nil {
			return err
		}
	}
	// Nothing can go wrong then that the command's own answer does not tell.
	if s.last.state == "" && !s.bash() && s.as.name == "" {
		s.first = "\\eval " + quoted(s.initial) + "\n"
		return nil
	}
	if s.bash() || s.as.name != "" {
		if err := s.replace(ctx); err != nil {
			return err
		}
	}
	a, err := s.send(ctx, s.evaluated(s.restoring()))
	if err == nil && a.ended {
		err = fmt.Errorf("the shell %s ended at once with status %d", s.argv[0], a.status)
	}
	return err
}

// replace has the room's shell turn into the one of the build.
func (s *shell) replace(ctx context.Context) error {
	a, err := s.send(ctx, s.becoming())
	if err == nil && a.ended {
		err = fmt.Errorf("the room's shell ended with status %d before the build began", a.status)
	}
	return err
}

// ask returns what the shell makes of a word, such as "${NAME-}".
func (s *shell) ask(ctx context.Context, word string) (string, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	a, err := s.send(ctx, s.first+s.expanded(word))
	s.first = ""
	if err == nil && a.ended {
		err = fmt.Errorf("the shell cannot expand it: exit status %d", a.status)
	}
	return a.reply, err
}

// send gives the shell a part of its script and waits for its answer, or for the shell's end.
func (s *shell) send(ctx context.Context, request string) (answer, error) {
	request = strings.ReplaceAll(request, "\x00", "")
	written := make(chan struct{})
	go func(open io.Writer) { // a shell that dies reads no more, and the rest of a long command must not block
		defer close(written)
		_, _ = io.WriteString(open, request)
	}(s.open)
	for {
		select {
		case a := <-s.answers:
			if !a.ended && a.serial != s.serial {
				continue // not of this request
			}
			if a.ended {
				s.renew(written, len(request))
			}
			s.out.flush()
			return a, nil
		case <-s.open.Done():
			return answer{ended: true, status: s.stop()}, nil
		case <-ctx.Done():
			s.stop()
			return answer{}, context.Cause(ctx)
		}
	}
}

// pipeTakes is how much of a request a pipe takes without waiting for a reader, in bytes.
const pipeTakes = 4096

// renew makes the next request begin with a fresh shell. The room has started it already, and background processes go
// on, unless a part of the request of that size has not been read: the fresh shell would run it.
func (s *shell) renew(written <-chan struct{}, size int) {
	s.fresh = true
	if size <= pipeTakes { // it is written, or is just being: that nobody has told so yet means nothing
		select {
		case <-written:
		case <-s.open.Done():
		}
	}
	select {
	case <-written:
		if left, err := s.open.Pending(); err == nil && left == 0 {
			return
		}
	default:
	}
	s.stop()
}

// leave ends the shell as the end of its script does: its EXIT traps run.
func (s *shell) leave(ctx context.Context) {
	if s.open != nil && !s.fresh && strings.Contains(s.last.traps, "EXIT") {
		_, _ = s.send(ctx, fmt.Sprintf("exit %d\n", s.last.status))
	}
}

// abandon kills all processes of the room and does not wait until they are gone.
func (s *shell) abandon() {
	if s.open == nil {
		return
	}
	close(s.quit)
	go s.open.Stop()
	s.out.flush()
	s.open = nil
}

// stop kills all processes of the room and returns the exit status of what was killed first.
func (s *shell) stop() (status int) {
	if s.open == nil {
		return 0
	}
	close(s.quit)
	status = s.open.Stop()
	s.out.flush()
	s.open = nil
	return status
}
