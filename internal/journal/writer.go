package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Writer appends to a log. Its methods may be called by several goroutines.
type Writer struct {
	mu      sync.Mutex
	dir     string
	log     *os.File
	index   *os.File
	offset  int64
	counter counter
	last    entry // the last one in the index
	entries int64
	err     error // the first failure, which ends the writer: a log with a hole is no log
	scratch []byte
}

// Append creates a log, or continues one whose writer died: what that had written stays, and its index is made good.
// Only one writer can have a log open: a second gets ErrBusy, and one that was closed is ErrComplete.
func (j *Journal) Append(n Name) (*Writer, error) { return j.AppendSince(n, time.Now()) }

// AppendSince is Append for a log whose first bytes were written at a time, if it has to be created.
func (j *Journal) AppendSince(n Name, begin time.Time) (*Writer, error) {
	dir, err := j.path(n)
	if err != nil {
		return nil, err
	}
	w, err := appendTo(dir, begin)
	if err != nil {
		return nil, fmt.Errorf("append to log %s: %w", n, err)
	}
	return w, nil
}

func appendTo(dir string, begin time.Time) (_ *Writer, err error) {
	if err := makeGroup(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w := &Writer{dir: dir}
	defer func() {
		if err != nil {
			w.closeFiles()
		}
	}()
	if w.log, err = os.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	// The kernel gives the lock back when its process dies, however it dies.
	if err := unix.Flock(int(w.log.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrBusy
	} else if err != nil {
		return nil, err
	}
	if w.index, err = os.OpenFile(filepath.Join(dir, "index"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	return w, w.recover(begin)
}

// recover brings index and log together: entries past the log's end go, and bytes past the last entry are counted.
func (w *Writer) recover(begin time.Time) error {
	info, err := w.log.Stat()
	if err != nil {
		return err
	}
	if err := w.recoverIndex(info.Size()); err != nil {
		return err
	}
	w.offset, w.counter = w.last.offset, counter{lines: w.last.line, part: w.last.back}
	if w.entries == 0 {
		if info.Size() > 0 {
			begin = info.ModTime()
		}
		if err := w.mark(begin.UnixMilli(), false); err != nil {
			return err
		}
	}
	return w.count(info.Size(), info.ModTime())
}

// recoverIndex drops entries past the log's size.
func (w *Writer) recoverIndex(size int64) error {
	x, err := readIndex(w.index)
	if err != nil {
		return err
	}
	for ; x.n > 0; x.n-- {
		e, err := x.at(x.n - 1)
		if err != nil || e.offset > size {
			continue
		}
		if e.complete {
			return ErrComplete
		}
		w.last = e
		break
	}
	w.entries = int64(x.n)
	return w.index.Truncate(w.entries * entrySize)
}

// count counts the lines from the last entry to the log's size, and marks them as written at a time.
func (w *Writer) count(size int64, when time.Time) error {
	buffer := make([]byte, stride)
	for w.offset < size {
		n, err := w.log.ReadAt(buffer[:min(stride, size-w.offset)], w.offset)
		if err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
			return err
		}
		if w.offset+int64(n)-w.last.offset > stride {
			if err := w.mark(when.UnixMilli(), false); err != nil {
				return err
			}
		}
		w.counter.add(buffer[:n])
		w.offset += int64(n)
	}
	return nil
}

// Write appends raw bytes. Readers of any process see them when it returns. After an error the writer is of no more
// use.
func (w *Writer) Write(p []byte) (int, error) { return w.WriteAs(p, time.Now()) }

// WriteAs is Write for bytes that were written at a time, which counts if it is not before that of the bytes so far.
func (w *Writer) WriteAs(p []byte, when time.Time) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	now := max(when.UnixMilli(), w.last.time)
	offset, c := w.offset, w.counter
	w.scratch = w.scratch[:0]
	last := w.last
	for rest := p; len(rest) > 0; {
		piece := rest[:min(len(rest), stride)]
		if offset+int64(len(piece))-last.offset > stride || now-last.time >= tick.Milliseconds() {
			last = entry{offset: offset, line: c.lines, time: now, back: c.part}
			w.scratch = last.append(w.scratch)
		}
		c.add(piece)
		offset += int64(len(piece))
		rest = rest[len(piece):]
	}
	if len(w.scratch) > 0 {
		if err := w.putIndex(w.scratch); err != nil {
			return 0, err
		}
		w.last = last
	}
	n, err := w.log.Write(p)
	if err != nil {
		w.err = fmt.Errorf("write log: %w", err)
		if n > 0 {
			// Part of it stands; the next writer counts it when it continues.
			w.offset += int64(n)
		}
		return n, w.err
	}
	w.offset, w.counter = offset, c
	return n, nil
}

func (w *Writer) mark(now int64, complete bool) error {
	e := entry{
		offset:   w.offset,
		line:     w.counter.lines,
		time:     max(now, w.last.time),
		back:     w.counter.part,
		complete: complete,
	}
	if err := w.putIndex(e.append(nil)); err != nil {
		return err
	}
	w.last = e
	return nil
}

func (w *Writer) putIndex(b []byte) error {
	if _, err := w.index.WriteAt(b, w.entries*entrySize); err != nil {
		w.err = fmt.Errorf("write log's index: %w", err)
		return w.err
	}
	w.entries += int64(len(b) / entrySize)
	return nil
}

// Offset is how many bytes the log has.
func (w *Writer) Offset() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offset
}

// Lines is how many complete lines the log has: the number that the next line gets, if the last one has ended.
func (w *Writer) Lines() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counter.lines
}

// MidLine tells whether the last line has not ended.
func (w *Writer) MidLine() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counter.part > 0
}

// Sync makes what was written outlast a loss of power.
func (w *Writer) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sync()
}

func (w *Writer) sync() error {
	if w.err != nil {
		return w.err
	}
	for _, f := range []*os.File{w.log, w.index} {
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return fmt.Errorf("sync %s: %w", f.Name(), err)
		}
	}
	return nil
}

// Close says that the log is complete and makes it durable. A second call does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		err := w.err
		w.closeFiles()
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		return err
	}
	err := w.mark(time.Now().UnixMilli(), true)
	if err == nil {
		err = w.sync()
	}
	if err == nil {
		err = addBytes(filepath.Dir(w.dir), w.offset)
	}
	w.closeFiles()
	w.err = os.ErrClosed
	return err
}

// Seal says that the log is complete, as Close does, and leaves it to Journal.Sync to make that durable.
func (w *Writer) Seal() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.err
	if err == nil {
		err = w.mark(time.Now().UnixMilli(), true)
	}
	if err == nil {
		err = addBytes(filepath.Dir(w.dir), w.offset)
	}
	w.closeFiles()
	w.err = os.ErrClosed
	return err
}

// Leave closes the files without saying that the log is complete: another Append can continue it.
func (w *Writer) Leave() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.err, os.ErrClosed) {
		return nil
	}
	err := w.sync()
	w.closeFiles()
	w.err = os.ErrClosed
	return err
}

// Release closes the files as Leave does, without making durable what was written. After Close it does nothing.
func (w *Writer) Release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.err
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	w.closeFiles()
	w.err = os.ErrClosed
	return err
}

func (w *Writer) closeFiles() {
	for _, f := range []*os.File{w.log, w.index} {
		if f != nil {
			_ = f.Close()
		}
	}
}
