package terminal

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// Raw gives what is typed at a terminal to the program key by key, without echo and without signals for Ctrl-C and its
// like. restore gives the terminal back; a second call does nothing.
func Raw(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() {
		if before != nil {
			_ = term.Restore(fd, before)
			before = nil
		}
	}, nil
}

// Sizes tells the size of a terminal in characters, at once and whenever it changes, until stop is called.
func Sizes(f *os.File, tell func(cols, rows int)) (stop func()) {
	look := func() {
		if cols, rows, err := term.GetSize(int(f.Fd())); err == nil && cols > 0 && rows > 0 {
			tell(cols, rows)
		}
	}
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		look()
		for {
			select {
			case <-changed:
				look()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(done)
	}
}
