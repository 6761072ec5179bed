// Package browsertrace reads the traces that Playwright records of browser tests: what the test did, how long it took,
// what went wrong, what the page said, and how it looked meanwhile.
//
// A trace is a zip with files of JSON lines (https://playwright.dev/docs/trace-viewer). The test's own steps are in
// test.trace, what the browser did in others. Versions 3 to 10 of the format are read.
package browsertrace

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// Limits of a trace. What is beyond them is left out, and Trace says so; a zip that is larger is refused.
const (
	MaxZip      = 64 << 20  // bytes of the zip
	maxUnpacked = 256 << 20 // bytes of all files of lines
	maxLine     = 4 << 20   // bytes of a line
	maxFrame    = 8 << 20   // bytes of a picture
	maxSteps    = 1000
	maxMessages = 200
	maxFrames   = 1000
	maxText     = 2000 // bytes of a text
)

// Trace is what a trace says.
type Trace struct {
	Title, Browser string
	Steps          []Step    // in the order in which they began
	Messages       []Message // of the page's console
	Error          string    // of the test
	Truncated      bool
}

// Step is something that the test did.
type Step struct {
	Title, Subtitle string
	Depth           int           // of steps in steps, from 0
	Start           time.Duration // since the trace began
	Took            time.Duration
	Unfinished      bool
	Error           string
	Place           string // FILE:LINE of the test; "" if it is not known
	Frame           string // the picture of the page at its end; "" if there is none
}

// Message is a line of the page's console.
type Message struct {
	At         time.Duration
	Kind, Text string
}

// Read reads a trace of a size in bytes.
func Read(in io.ReaderAt, size int64) (*Trace, error) { return read(in, size, maxUnpacked) }

// read reads no more than unpacked bytes of lines.
func read(in io.ReaderAt, size, unpacked int64) (*Trace, error) {
	z, err := open(in, size)
	if err != nil {
		return nil, err
	}
	r := &reader{left: unpacked, open: map[string]int{}}
	files := slices.DeleteFunc(slices.Clone(z.File), func(f *zip.File) bool { return path.Ext(f.Name) != ".trace" })
	slices.SortStableFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	if len(files) == 0 {
		return nil, errors.New("this is no trace of Playwright: it has no file *.trace")
	}
	own := slices.ContainsFunc(files, func(f *zip.File) bool { return f.Name == "test.trace" })
	for _, f := range files {
		if err := r.file(f, !own || f.Name == "test.trace"); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return r.trace(), nil
}

// Frame reads a picture of a trace by the name that a step has.
func Frame(in io.ReaderAt, size int64, name string) ([]byte, error) {
	z, err := open(in, size)
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		if f.Name != name || !isFrame(name) {
			continue
		}
		c, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer c.Close()
		picture, err := io.ReadAll(io.LimitReader(c, maxFrame+1))
		if err == nil && len(picture) > maxFrame {
			err = fmt.Errorf("the picture has more than %d MB", maxFrame>>20)
		}
		return picture, err
	}
	return nil, fmt.Errorf("the trace has no picture %.100q", name)
}

// isFrame tells whether a file of a trace is a picture of the page.
func isFrame(name string) bool {
	dir, ext := path.Dir(name), path.Ext(name)
	return (dir == "screencast" || dir == "resources") && (ext == ".jpeg" || ext == ".jpg" || ext == ".png")
}

func open(in io.ReaderAt, size int64) (*zip.Reader, error) {
	if size > MaxZip {
		return nil, fmt.Errorf("the trace has %d MB; one of up to %d MB can be shown", size>>20, MaxZip>>20)
	}
	z, err := zip.NewReader(in, size)
	if err != nil {
		return nil, fmt.Errorf("this is no trace: %w", err)
	}
	return z, nil
}

// lines calls do for each line of a file; longer ones than maxLine are left out, and so is what is beyond all limits.
func (r *reader) lines(in io.Reader, do func([]byte) error) error {
	var line bytes.Buffer
	chunk := make([]byte, 64<<10)
	long := false
	for {
		n, err := in.Read(chunk[:min(int64(len(chunk)), r.left+1)])
		if r.left -= int64(n); r.left < 0 {
			r.truncated = true
			return nil
		}
		for rest := chunk[:n]; len(rest) > 0; {
			part, after, ended := bytes.Cut(rest, []byte{'\n'})
			rest = after
			if long = long || line.Len()+len(part) > maxLine; !long {
				line.Write(part)
			}
			if !ended {
				continue
			}
			if !long {
				if err := do(line.Bytes()); err != nil {
					return err
				}
			}
			r.truncated = r.truncated || long
			long = false
			line.Reset()
		}
		if errors.Is(err, io.EOF) {
			if line.Len() > 0 && !long {
				return do(line.Bytes())
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
