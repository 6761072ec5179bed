package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// Limits of what is read from Git at a time. The client of a push chooses how long names, messages and lists are.
const (
	// maxOutput limits, in bytes, the output of a command that is read as a whole: lists of trees and differences, and
	// files of the API (6 MB).
	maxOutput = 32 << 20
	// maxObject limits, in bytes, how much of a commit or tag is kept. The rest of a longer message is dropped.
	maxObject = 64 << 10
	// maxStderr is how much of an error's text is kept, in bytes.
	maxStderr = 4 << 10
	// maxPush limits a push, in bytes. Git refuses a larger one while it comes in.
	maxPush = 4 << 30
)

// cut marks a message whose end was left out.
const cut = "\n[…]"

// errTooMuch says that git printed more than maxOutput.
var errTooMuch = fmt.Errorf("git printed more than %d MiB; ask for less, such as one folder", maxOutput>>20)

// read runs git and hands its output to f, which need not read all of it. All output of git is read by this function.
func (g git) read(ctx context.Context, stdin io.Reader, f func(r *bufio.Reader) error, args ...string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := g.command(ctx, args...)
	stderr := &headOf{limit: maxStderr}
	c.Stdin, c.Stderr = stdin, stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	bad := f(bufio.NewReaderSize(out, 64<<10))
	if bad != nil {
		stop()
	}
	_, _ = io.Copy(io.Discard, out) // to the end, or to git's
	err = c.Wait()
	if bad != nil {
		return bad
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &gitError{args, strings.TrimSpace(stderr.String()), exit.ExitCode()}
	}
	return err
}

// run returns the output of git. If it is longer than maxOutput bytes, run returns errTooMuch.
func (g git) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := g.read(ctx, stdin, func(r *bufio.Reader) error {
		n, err := io.Copy(&out, io.LimitReader(r, maxOutput+1))
		if err == nil && n > maxOutput {
			err = errTooMuch
		}
		return err
	}, args...)
	return out.Bytes(), err
}

// headOf keeps the beginning of what is written to it.
type headOf struct {
	bytes.Buffer
	limit int
}

func (h *headOf) Write(p []byte) (int, error) {
	_, _ = h.Buffer.Write(p[:min(len(p), max(0, h.limit-h.Len()))])
	return len(p), nil
}

// part reads up to a byte, which it takes away, and keeps the beginning.
func part(r *bufio.Reader, end byte, keep int) (text string, whole bool, err error) {
	var b []byte
	whole = true
	for {
		slice, err := r.ReadSlice(end)
		done := err == nil
		if done {
			slice = slice[:len(slice)-1]
		}
		if room := max(0, keep-len(b)); room < len(slice) {
			whole, slice = false, slice[:room]
		}
		b = append(b, slice...)
		if done || !errors.Is(err, bufio.ErrBufferFull) {
			return string(b), whole, err
		}
	}
}

// objects reads commits, tags and other objects by their names, in one process. A name that is unknown or ambiguous
// gives the zero object. Only the first maxObject bytes of an object are read. Names must not contain newlines.
func (g git) objects(ctx context.Context, names ...string) ([]object, error) {
	all := make([]object, len(names))
	err := g.read(ctx, strings.NewReader(strings.Join(names, "\n")+"\n"), func(r *bufio.Reader) error {
		for i, name := range names {
			o, err := nextObject(r)
			if err != nil {
				return fmt.Errorf("git cat-file, asked for %.100q: %w", name, err)
			}
			all[i] = o
		}
		return nil
	}, "cat-file", "--batch")
	return all, err
}

// nextObject reads "ID KIND SIZE\nCONTENT\n". For another line, such as "NAME missing\n", it returns the zero object.
func nextObject(r *bufio.Reader) (object, error) {
	head, _, err := part(r, '\n', maxStderr)
	if err != nil {
		return object{}, err
	}
	f := strings.Fields(head)
	if len(f) != 3 || !isCommitID(f[0]) {
		return object{}, nil
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("it answered %.100q", head)
	}
	content := make([]byte, min(size, maxObject))
	if _, err := io.ReadFull(r, content); err != nil {
		return object{}, err
	}
	if _, err := io.CopyN(io.Discard, r, size-int64(len(content))+1); err != nil {
		return object{}, err
	}
	if size > maxObject {
		content = append([]byte(strings.ToValidUTF8(string(content), "")), cut...)
	}
	return object{f[0], f[1], content}, nil
}
