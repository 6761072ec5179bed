package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// maxPage is how many lines a page holds at most, and pageBytes about how many bytes.
	maxPage   = 10_000
	pageBytes = 4 << 20
)

// Line is a line of a log, without its newline.
type Line struct {
	Number int64 // from 0
	Time   time.Time
	Text   string // as it was written: it need not be UTF-8
}

// Query asks for lines from number From on, or with Tail for the last Limit ones. A Limit of 0 is 1,000, at most
// 10,000 are given.
type Query struct {
	From  int64
	Limit int
	Tail  bool
}

// Page is a window of a log. Next is the number of the line after it, Total how many lines there are now. A log that is
// Complete gets no more. A page can have fewer lines than were asked for though more follow: Next tells.
type Page struct {
	Lines       []Line
	Next, Total int64
	Complete    bool
}

// view is a log as it stood at one moment.
type view struct {
	*index
	log      *os.File
	size     int64
	total    int64
	complete bool
}

func (j *Journal) view(n Name) (*view, error) {
	dir, err := j.path(n)
	if err != nil {
		return nil, err
	}
	v, err := openView(dir)
	if err != nil {
		return nil, fmt.Errorf("read log %s: %w", n, err)
	}
	return v, nil
}

func openView(dir string) (_ *view, err error) {
	log, err := os.Open(filepath.Join(dir, "log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	} else if err != nil {
		return nil, err
	}
	v := &view{log: log}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	// The index is read before the log's size: an entry is written before its bytes, the one that completes the log
	// after all of them.
	if v.index, err = openIndex(dir); err != nil {
		return nil, err
	}
	last, ok := v.last()
	if ok && last.complete {
		v.size, v.total, v.complete = last.offset, last.lines(), true
		return v, nil
	}
	info, err := log.Stat()
	if err != nil {
		return nil, err
	}
	v.size = info.Size()
	if last.offset > v.size { // after a loss of power, until the log is continued
		if i, err := v.search(func(e entry) bool { return e.offset <= v.size }); err != nil {
			return nil, err
		} else if v.n = i; i > 0 {
			if last, err = v.at(i - 1); err != nil {
				return nil, err
			}
		} else {
			last = entry{}
		}
	}
	c := counter{lines: last.line, part: last.back}
	buffer := make([]byte, stride)
	for at := last.offset; at < v.size; {
		n, err := log.ReadAt(buffer[:min(stride, v.size-at)], at)
		if n == 0 {
			return nil, err
		}
		c.add(buffer[:n])
		at += int64(n)
	}
	v.total = c.lines
	return v, nil
}

func (v *view) close() {
	_ = v.log.Close()
	if v.index != nil {
		v.index.close()
	}
}

// Read returns a window of a log, or ErrNotExist. What it costs does not depend on how long the log is.
func (j *Journal) Read(ctx context.Context, n Name, q Query) (Page, error) {
	v, err := j.view(n)
	if err != nil {
		return Page{}, err
	}
	defer v.close()
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	limit = min(limit, maxPage)
	from := max(q.From, 0)
	if q.Tail {
		from = max(v.total-int64(limit), 0)
	}
	p := Page{Next: from, Total: v.total, Complete: v.complete}
	if from >= v.total {
		return p, nil
	}
	err = v.lines(ctx, from, func(l Line) bool {
		p.Lines = append(p.Lines, l)
		p.Next = l.Number + 1
		return len(p.Lines) < limit
	})
	if err != nil {
		return Page{}, fmt.Errorf("read log %s: %w", n, err)
	}
	return p, nil
}

// lines calls yield for the lines from number from on until it says false, or a page's bytes are full.
func (v *view) lines(ctx context.Context, from int64, yield func(Line) bool) error {
	w, err := v.walkFrom(from)
	if err != nil {
		return err
	}
	for budget := int64(0); w.number < v.total && budget <= pageBytes; {
		if err := ctx.Err(); err != nil {
			return err
		}
		number := w.number
		line, err := w.next()
		if err != nil {
			return err
		}
		if number < from {
			continue
		}
		if budget += int64(len(line.Text)); !yield(line) {
			return nil
		}
	}
	return nil
}

// walk reads a view line by line.
type walk struct {
	view    *view
	clock   clock
	number  int64 // of the next line
	start   int64 // offset at which it begins
	at      int64 // offset up to which the log has been read
	buffer  []byte
	pending []byte // what has been read and belongs to no line yet
}

// walkFrom begins at a line that is not after number from.
func (v *view) walkFrom(from int64) (*walk, error) {
	// The last entry whose line is not after from: its bytes lie in that line or before.
	i, err := v.search(func(e entry) bool { return e.line <= from })
	if err != nil {
		return nil, err
	}
	var e entry
	if i > 0 {
		if e, err = v.at(i - 1); err != nil {
			return nil, err
		}
	}
	start := e.offset - e.back
	// A line has the time of its first byte.
	if i, err = v.search(func(e entry) bool { return e.offset <= start }); err != nil {
		return nil, err
	}
	return &walk{
		view:   v,
		clock:  clock{v: v, i: max(i-1, 0)},
		number: e.line,
		start:  start,
		at:     start,
		buffer: make([]byte, 0, 2*stride+MaxLine),
	}, nil
}

// next returns the next line, of which the view has one.
func (w *walk) next() (Line, error) {
	line, end, ok := next(w.pending)
	for !ok && w.at < w.view.size {
		if err := w.fill(); err != nil {
			return Line{}, err
		}
		line, end, ok = next(w.pending)
	}
	if !ok {
		line, end = len(w.pending), 0 // the last line of a complete log
	}
	when, err := w.clock.at(w.start)
	if err != nil {
		return Line{}, err
	}
	l := Line{Number: w.number, Time: when, Text: string(w.pending[:line])}
	w.number++
	w.start += int64(line + end)
	w.pending = w.pending[line+end:]
	return l, nil
}

// fill reads more of the log.
func (w *walk) fill() error {
	left := copy(w.buffer[:cap(w.buffer)], w.pending)
	w.buffer = w.buffer[:left+int(min(stride, w.view.size-w.at))]
	n, err := w.view.log.ReadAt(w.buffer[left:], w.at)
	if n == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = ErrNotExist // it was removed while it was read
		}
		return err
	}
	w.pending = w.buffer[:left+n]
	w.at += int64(n)
	return nil
}

// clock tells the time of offsets that only grow.
type clock struct {
	v    *view
	i    int
	now  entry
	next *entry
	read bool
}

func (c *clock) at(offset int64) (time.Time, error) {
	for {
		if !c.read && c.i < c.v.n {
			e, err := c.v.at(c.i)
			if err != nil {
				return time.Time{}, err
			}
			c.next, c.read = &e, true
		}
		if c.next == nil || c.next.offset > offset || c.next.complete {
			return time.UnixMilli(c.now.time).UTC(), nil
		}
		c.now, c.next, c.read = *c.next, nil, false
		c.i++
	}
}

// Seek returns the number of the first line that was written at or after t: the total if there is none yet.
func (j *Journal) Seek(_ context.Context, n Name, t time.Time) (int64, error) {
	v, err := j.view(n)
	if err != nil {
		return 0, err
	}
	defer v.close()
	i, err := v.search(func(e entry) bool { return e.time < t.UnixMilli() })
	if err != nil || i == v.n {
		return v.total, err
	}
	e, err := v.at(i)
	if err != nil {
		return 0, err
	}
	if e.back > 0 {
		return min(e.line+1, v.total), nil // the line that it is in began earlier
	}
	return min(e.line, v.total), nil
}
