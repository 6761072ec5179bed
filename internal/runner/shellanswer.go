package runner

import (
	"bufio"
	"errors"
	"io"
	"strconv"
)

// maxAnswer bounds what a shell may answer, in bytes: its state has all its variables.
const maxAnswer = 64 << 20

// answer is what the shell or its supervisor said.
type answer struct {
	ended  bool // by the supervisor: the shell is gone
	serial int
	status int
	dir    string
	flags  string // the shell's $-
	traps  string // as `trap` prints them
	state  string // commands that make a fresh shell have the same variables, options and functions
	reply  string // to a word that was asked for
}

var errTooLong = errors.New("the answer is too long")

// listen passes on the answers of a shell until its stream ends. What is no answer is skipped: whatever a build
// writes there, it can only hurt itself.
func listen(from io.Reader, nonce string, answers chan<- answer, quit <-chan struct{}) {
	r := &answerReader{r: bufio.NewReaderSize(from, 64<<10), nonce: nonce}
	for {
		a, err := r.next()
		if err != nil {
			return
		}
		select {
		case answers <- a:
		case <-quit:
			return
		}
	}
}

type answerReader struct {
	r      *bufio.Reader
	nonce  string
	budget int
}

// field reads up to the next zero byte.
func (r *answerReader) field() (string, error) {
	var b []byte
	for {
		part, err := r.r.ReadSlice(0)
		if r.budget -= len(part); r.budget < 0 {
			return "", errTooLong
		}
		b = append(b, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return "", err
		}
		return string(b[:len(b)-1]), nil
	}
}

func (r *answerReader) number() (int, error) {
	text, err := r.field()
	if err != nil {
		return 0, err
	}
	n, bad := strconv.Atoi(text)
	if bad != nil {
		return -1, nil
	}
	return n, nil
}

// next reads the next answer.
func (r *answerReader) next() (a answer, err error) {
	for {
		r.budget = maxAnswer
		switch mark, err := r.field(); {
		case err != nil:
			return a, err
		case mark == "X":
			a.ended = true
			a.status, err = r.number()
			return a, err
		case mark == "S"+r.nonce:
			return r.said()
		}
	}
}

func (r *answerReader) said() (a answer, err error) {
	for _, to := range []*int{&a.serial, &a.status} {
		if *to, err = r.number(); err != nil {
			return a, err
		}
	}
	for _, to := range []*string{&a.dir, &a.flags, &a.reply, &a.traps, &a.state} {
		if *to, err = r.field(); err != nil {
			return a, err
		}
	}
	return a, nil
}
