package terminal

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// Watch draws the board each time that it changes, until q is pressed or ctx ends. Between changes it
// asks nothing: the server answers once there is one. While the server is away the last board stays, with a
// line that says so.
type Watch struct {
	Reader   *Reader
	Endpoint string
	In, Out  *os.File
}

const (
	again  = time.Second           // pause before a server that is away is asked again
	settle = 50 * time.Millisecond // changes that come close together are drawn as one
)

// news is a board, or why there is none.
type news struct {
	board *Board
	err   error
}

// Run needs a terminal in In and Out.
func (w *Watch) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := w.Reader.Read(ctx) // what is wrong from the start is an error, and no picture
	if err != nil {
		return err
	}
	before, err := term.MakeRaw(int(w.In.Fd()))
	if err != nil {
		return fmt.Errorf("take over the keyboard: %w", err)
	}
	defer func() { _ = term.Restore(int(w.In.Fd()), before) }()
	fmt.Fprint(w.Out, "\x1b[?1049h\x1b[?25l") // another screen, no cursor
	defer fmt.Fprint(w.Out, "\x1b[?25h\x1b[?1049l")

	keys, boards, resized := make(chan byte), make(chan news), make(chan os.Signal, 1)
	go w.listen(ctx, keys)
	go w.follow(ctx, boards)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	second := time.NewTicker(time.Second) // ages grow
	defer second.Stop()
	p := &picture{Watch: w, board: first, at: time.Now()}
	for {
		if err := p.draw(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case key, ok := <-keys:
			if !ok || !p.press(key) {
				return nil
			}
		case n := <-boards:
			if p.err = n.err; n.err == nil {
				p.board, p.at = n.board, time.Now()
			}
		case <-resized:
		case <-second.C:
		}
	}
}

// listen reads the keyboard. Arrows come as ESC [ A and ESC [ B.
func (w *Watch) listen(ctx context.Context, keys chan<- byte) {
	defer close(keys)
	in := bufio.NewReader(w.In)
	for {
		key, err := in.ReadByte()
		if err != nil {
			return
		}
		if key == 0x1b && in.Buffered() >= 2 {
			_, _ = in.ReadByte()
			key, _ = in.ReadByte()
			key = map[byte]byte{'A': 'k', 'B': 'j'}[key]
		}
		select {
		case keys <- key:
		case <-ctx.Done():
			return
		}
	}
}

// follow sends the board after each change.
func (w *Watch) follow(ctx context.Context, boards chan<- news) {
	var since *string
	for ctx.Err() == nil {
		n, pause := news{}, settle
		out, err := w.Reader.Slipway.WaitForChange(ctx,
			&slipway.WaitForChangeInput{Topics: w.Reader.Topics(), Since: since})
		switch {
		case err != nil:
			n.err, pause = err, again
		case since != nil && !*out.Changed:
			continue
		default:
			if n.board, n.err = w.Reader.Read(ctx); n.err == nil {
				since = out.At
			} else {
				pause = again
			}
		}
		select {
		case boards <- n:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// picture is what is on the screen.
type picture struct {
	*Watch
	board *Board
	at    time.Time // when it was read
	err   error     // why it is not newer
	top   int       // lines that are scrolled away
}

// press answers a key. It reports false when the board is to be left.
func (p *picture) press(key byte) bool {
	switch key {
	case 'q', 'Q', 0x03, 0x04:
		return false
	case 'j', ' ':
		p.top++
	case 'k':
		p.top--
	case 'g':
		p.top = 0
	}
	return true
}

func (p *picture) draw() error {
	width, height, err := term.GetSize(int(p.Out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	s, now := ScreenOf(p.Out), time.Now()
	s.Width = width
	lines := p.board.Draw(s, now)
	room := max(1, height-2)
	p.top = max(0, min(p.top, len(lines)-room))
	shown := lines[p.top:min(len(lines), p.top+room)]
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i := range room {
		if i < len(shown) {
			b.WriteString(shown[i])
		}
		b.WriteString("\x1b[K\r\n")
	}
	b.WriteString("\x1b[K\r\n" + p.foot(s, len(lines) > room, now) + "\x1b[J")
	_, err = p.Out.WriteString(b.String())
	return err
}

// foot says which key leaves the board, and whether it is up to date.
func (p *picture) foot(s Screen, more bool, now time.Time) string {
	if p.err != nil {
		return s.render(
			piece{"The board is as it was " + Ago(awsproto.At(p.at), now) + ": " + Clean(reason(p.err)), Waiting},
			piece{"  q quits", Faint},
		)
	}
	keys := "q quits"
	if more {
		keys += ", j and k scroll"
	}
	host := p.Endpoint
	if u, err := url.Parse(p.Endpoint); err == nil && u.Host != "" {
		host = u.Host
	}
	return s.render(piece{keys + "  live from " + host, Faint})
}

// reason is the last part of an error: what went wrong at the bottom.
func reason(err error) string {
	if code := awsproto.Code(err); code != "" {
		return err.Error()
	}
	text := err.Error()
	return "the server is away (" + strings.TrimSpace(text[strings.LastIndex(text, ":")+1:]) + ")"
}
