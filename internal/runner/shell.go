package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// driver runs inside the shell of a build. It reads a number of lines and a serial number, then those lines, from descriptor 3,
// runs them, and answers on descriptor 4 with the serial number, the exit status, the directory, an answer to a question
// (__slipway_r) and the shell's state, in a form that a fresh shell can read. Commands run with both descriptors closed, so that no
// process which they start has them. Builtins are called through `command`, since a build may define functions of their names.
const driver = `while IFS=' ' command read -r __slipway_n __slipway_q <&3; do
__slipway_c=
while command test "$__slipway_n" -gt 0; do
IFS= command read -r __slipway_l <&3 || exit 0
__slipway_c="$__slipway_c$__slipway_l
"
__slipway_n=$((__slipway_n-1))
done
eval "$__slipway_c" 3<&- 4>&-
__slipway_s=$?
{ command printf 'S%s\0%s\0%s\0%s\0' "$__slipway_q" "$__slipway_s" "${PWD-}" "${__slipway_r-}"
if command test -n "${BASH_VERSION-}"; then declare -p; declare -f; alias -p; shopt -p; else set; export -p; fi
command printf '\0'; } >&4
done
`

// supervisor starts the shell, and another one when a command has ended it, and tells its exit status on descriptor 4. Its own
// errors ("Killed") go nowhere.
const supervisor = `exec 5>&2 2>/dev/null
while :; do
"$@" 2>&5 5>&-
printf 'X%s\0' "$?" >&4
done
`

// maxAnswer bounds what a shell may answer, in bytes: its state has all its variables.
const maxAnswer = 64 << 20

// shell is a shell that runs one command after another, in which directory and variables carry over.
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

	serial int
	state  string // as last recorded, "" before
	dir    string
	fresh  bool // the shell has not been told its state
}

// answer is what the driver or the supervisor said.
type answer struct {
	ended  bool // by the supervisor: the shell is gone
	serial int
	status int
	dir    string
	reply  string
	state  string
}

// errForged says that something else than the driver answered.
var errForged = errors.New("a command wrote to the runner's private descriptor")

func (s *shell) start() error {
	commands, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer commands.Close()
	replies, out, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return err
	}
	defer out.Close()
	argv := append([]string{"/bin/sh", "-c", supervisor, "slipway"}, append(s.argv, "-c", driver)...)
	s.cmd = s.box.command(argv, s.env)
	s.cmd.Stdout, s.cmd.Stderr = s.out.write, s.out.write
	s.cmd.ExtraFiles = []*os.File{commands, out}
	if err := s.cmd.start(); err != nil {
		_, _ = in.Close(), replies.Close()
		return fmt.Errorf("start a shell: %w", err)
	}
	s.in, s.answers, s.done, s.fresh = in, make(chan answer, 16), make(chan struct{}), true
	quit := make(chan struct{})
	cmd, answers, done := s.cmd, s.answers, s.done
	go func() {
		_ = cmd.wait()
		close(done)
	}()
	go func() {
		defer close(answers)
		r := bufio.NewReaderSize(replies, 32<<10)
		for {
			a, err := readAnswer(r)
			if err != nil {
				return
			}
			select {
			case answers <- a:
			case <-quit:
				return
			}
		}
	}()
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

func readAnswer(r *bufio.Reader) (answer, error) {
	budget := maxAnswer
	field := func() (string, error) {
		var b []byte
		for {
			part, err := r.ReadSlice(0)
			if budget -= len(part); budget < 0 {
				return "", errors.New("the answer is too long")
			}
			b = append(b, part...)
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			} else if err != nil {
				return "", err
			}
			return string(b[:len(b)-1]), nil
		}
	}
	head, err := field()
	if err != nil {
		return answer{}, err
	}
	if head == "" {
		return answer{serial: -1}, nil
	}
	kind := head[0]
	n, err := strconv.Atoi(head[1:])
	switch {
	case err != nil:
		return answer{serial: -1}, nil
	case kind == 'X':
		return answer{ended: true, status: n}, nil
	case kind != 'S':
		return answer{serial: -1}, nil
	}
	a := answer{serial: n}
	status, err := field()
	if err != nil {
		return a, err
	}
	if a.status, err = strconv.Atoi(status); err != nil {
		a.serial = -1
	}
	for _, to := range []*string{&a.dir, &a.reply, &a.state} {
		if *to, err = field(); err != nil {
			return a, err
		}
	}
	return a, nil
}

// run runs a command, to its end or the context's, and returns its exit status. What it wrote is in the log when run returns; what
// its background processes write comes later.
func (s *shell) run(ctx context.Context, command string) (int, error) {
	if s.cmd == nil {
		if err := s.start(); err != nil {
			return 0, err
		}
	}
	if s.fresh {
		s.fresh = false
		if a, err := s.round(ctx, s.restoring()); err != nil {
			return 0, err
		} else if a.ended {
			return 0, fmt.Errorf("the shell %s ended at once with status %d", s.argv[0], a.status)
		}
	}
	a, err := s.round(ctx, command)
	if err != nil {
		return 0, err
	}
	if !a.ended {
		s.state, s.dir = a.state, a.dir
	}
	return a.status, nil
}

// restoring is a command that gives a fresh shell the last recorded state and directory.
func (s *shell) restoring() string {
	if s.state == "" {
		return s.initial
	}
	// The state has the driver's own variables too; the serial number must be the new one.
	return fmt.Sprintf("{\n%s\n:\n} 2>/dev/null\n__slipway_q=%d\ncd %s 2>/dev/null || cd \"$CODEBUILD_SRC_DIR\"\n", assignable(s.state), s.serial+1, quoted(s.dir))
}

// assignable takes those of bash's arrays out of a state that must not be assigned: an attempt would end the whole command.
func assignable(state string) string {
	var b strings.Builder
	for line := range strings.Lines(state) {
		rest, ok := strings.CutPrefix(line, "declare -")
		_, name, _ := strings.Cut(rest, " ")
		name, _, _ = strings.Cut(strings.TrimSpace(name), "=")
		if ok && slices.Contains([]string{"BASH_VERSINFO", "BASH_ARGC", "BASH_ARGV", "BASH_LINENO", "BASH_SOURCE", "FUNCNAME", "GROUPS"}, name) {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// ask returns what a command leaves in the variable __slipway_r.
func (s *shell) ask(ctx context.Context, command string) (string, error) {
	if s.cmd == nil || s.fresh {
		if _, err := s.run(ctx, ":"); err != nil {
			return "", err
		}
	}
	a, err := s.round(ctx, "__slipway_r=\n"+command)
	if err == nil && (a.ended || a.status != 0) {
		err = fmt.Errorf("the shell cannot expand it: exit status %d", a.status)
	}
	return a.reply, err
}

func (s *shell) round(ctx context.Context, command string) (answer, error) {
	s.serial++
	command = strings.ReplaceAll(strings.TrimRight(command, "\n"), "\x00", "")
	request := fmt.Sprintf("%d %d\n%s\n", strings.Count(command, "\n")+1, s.serial, command)
	written := make(chan struct{})
	go func(in *os.File) { // a shell that dies reads no more, and the rest of a long command must not block
		defer close(written)
		_, _ = io.WriteString(in, request)
	}(s.in)
	for {
		select {
		case a, open := <-s.answers:
			switch {
			case !open:
				<-s.done
				return s.gone(), nil
			case a.ended:
				// Another shell is there already; it knows nothing yet. Background processes go on.
				<-written
				s.fresh = true
				s.out.flush()
				return a, nil
			case a.serial != s.serial:
				s.stop()
				return a, errForged
			}
			<-written
			s.out.flush()
			return a, nil
		case <-s.done:
			// A last answer may have come before the end.
			select {
			case a, open := <-s.answers:
				if open && a.serial == s.serial && !a.ended {
					s.out.flush()
					s.stop()
					return a, nil
				}
			default:
			}
			return s.gone(), nil
		case <-ctx.Done():
			s.stop()
			return answer{}, context.Cause(ctx)
		}
	}
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

// leave ends the shell as `exit` does, so that its EXIT traps run, and then all its processes.
func (s *shell) leave(ctx context.Context) {
	if s.cmd != nil && !s.fresh {
		_, _ = s.round(ctx, "exit 0")
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

// quoted is a text as one word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
