// Package testreport reads the files in which test tools write their results.
package testreport

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"slipway/api/codebuild"
)

const (
	// MaxCases is how many test cases a report keeps; CodeBuild's limit. The counts include the others.
	MaxCases = 500
	// maxDepth bounds how deep suites nest, maxMessage a message's length in bytes; maxSize a file.
	maxDepth   = 64
	maxMessage = 10_000
	maxSize    = 100 << 20
)

// Statuses of a test case.
const (
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	Error     = "ERROR"
	Skipped   = "SKIPPED"
)

// Results are the cases of one report. Cases has at most MaxCases of them, all that failed if they are that few; the
// counts are of all.
type Results struct {
	Cases       []codebuild.TestCase
	Truncated   bool             // there were more
	Counts      map[string]int32 // by status
	Nanoseconds int64            // that all of them took
	spare       int              // from here on no kept case may give way: those that did not fail lie before
}

// add counts a case and keeps it. Once there are MaxCases, one that failed takes the place of the last that did not.
func (r *Results) add(c codebuild.TestCase) {
	if r.Counts == nil {
		r.Counts = map[string]int32{}
	}
	r.Counts[*c.Status]++
	r.Nanoseconds += *c.DurationInNanoSeconds
	if len(r.Cases) < MaxCases {
		r.Cases = append(r.Cases, c)
		r.spare = len(r.Cases)
		return
	}
	r.Truncated = true
	if !bad(c) {
		return
	}
	for r.spare > 0 {
		r.spare--
		if !bad(r.Cases[r.spare]) {
			r.Cases[r.spare] = c
			return
		}
	}
}

func bad(c codebuild.TestCase) bool { return *c.Status == Failed || *c.Status == Error }

// Supported tells whether files of a format, in capitals, can be read.
func Supported(format string) bool { return format == "JUNITXML" }

// Add reads a file and adds its cases. path is its name in the report and in errors. Of a file that is broken in the
// middle, the cases before stay.
func (r *Results) Add(format, path string, file io.Reader) error {
	if !Supported(format) {
		return fmt.Errorf("%s: reports in the format %s are not read yet; JUNITXML is", path, format)
	}
	limited := &io.LimitedReader{R: file, N: maxSize}
	d := xml.NewDecoder(limited)
	d.Strict = true
	d.Entity = nil // an entity that is not XML's own is an error: nothing is expanded
	d.CharsetReader = charset
	if err := r.junit(d, path); err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("the file has more than %d MB", maxSize>>20)
		}
		line, column := d.InputPos()
		return fmt.Errorf("%s:%d:%d: this is no JUnit report: %w", path, line, column, err)
	}
	return nil
}

// charset passes what is ASCII in nearly all files; other encodings must be declared rightly and are refused.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1":
		return &latin1{in: in}, nil
	}
	return nil, fmt.Errorf("the encoding %q is not read; write UTF-8", label)
}

// latin1 turns ISO 8859-1 into UTF-8.
type latin1 struct {
	in      io.Reader
	pending []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(l.pending) == 0 {
		var b [4096]byte
		n, err := l.in.Read(b[:])
		for _, c := range b[:n] {
			l.pending = append(l.pending, string(rune(c))...)
		}
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

func (r *Results) junit(d *xml.Decoder, path string) error {
	var suites []string // the names of those that have begun
	root := false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && !root {
			return errors.New("the file is empty")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch x := t.(type) {
		case xml.StartElement:
			if !root && !isSuite(x) {
				return fmt.Errorf("it begins with <%s>, not with <testsuites> or <testsuite>", x.Name.Local)
			}
			root = true
			if suites, err = r.element(d, x, path, suites); err != nil {
				return err
			}
		case xml.EndElement:
			suites = suites[:max(0, len(suites)-1)]
		}
	}
}

func isSuite(x xml.StartElement) bool {
	return x.Name.Local == "testsuites" || x.Name.Local == "testsuite"
}

// element reads an element that begins within suites, and returns the suites that it leaves open.
func (r *Results) element(d *xml.Decoder, x xml.StartElement, path string, suites []string) ([]string, error) {
	switch {
	case isSuite(x):
		if suites = append(suites, attribute(x, "name")); len(suites) > maxDepth {
			return suites, fmt.Errorf("suites nest deeper than %d", maxDepth)
		}
		return suites, nil
	case x.Name.Local == "testcase":
		return suites, r.testcase(d, x, path, last(suites))
	}
	return suites, skip(d, nil)
}

func last(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}

func (r *Results) testcase(d *xml.Decoder, start xml.StartElement, path, suite string) error {
	status, message, err := outcome(d)
	if err != nil {
		return err
	}
	c := codebuild.TestCase{
		Name:                  new(limit(attribute(start, "name"), 1000)),
		Status:                &status,
		DurationInNanoSeconds: new(int64(seconds(start) * 1e9)),
		TestRawDataPath:       &path,
	}
	if suite != "" {
		c.TestSuiteName = new(limit(suite, 1000))
	}
	if class := attribute(start, "classname"); class != "" {
		c.Prefix = new(limit(class, 1000))
	}
	if message != "" {
		c.Message = new(limit(message, maxMessage))
	}
	r.add(c)
	return nil
}

// seconds is how long a test took; 0 if that is not said, or makes no sense.
func seconds(start xml.StartElement) float64 {
	s, err := strconv.ParseFloat(strings.ReplaceAll(attribute(start, "time"), ",", ""), 64)
	if err != nil || math.IsNaN(s) || s < 0 || s > 1e9 {
		return 0
	}
	return s
}

// outcome reads the rest of a testcase: how it ended, and what it says of that.
func outcome(d *xml.Decoder) (status, message string, err error) {
	status = Succeeded
	for {
		t, err := d.Token()
		if err != nil {
			return status, message, err
		}
		switch x := t.(type) {
		case xml.StartElement:
			var text strings.Builder
			one := map[string]string{"failure": Failed, "error": Error, "skipped": Skipped}[x.Name.Local]
			keep := &text
			if one == "" {
				keep = nil
			}
			if err := skip(d, keep); err != nil {
				return status, message, err
			}
			// An error outweighs a failure, and both a skip.
			if one == "" || status == Error || status == Failed && one == Skipped {
				continue
			}
			status, message = one, joined(attribute(x, "message"), text.String())
		case xml.EndElement:
			return status, message, nil
		}
	}
}

// skip reads to the end of the element that has begun, and keeps some of its text.
func skip(d *xml.Decoder, keep *strings.Builder) error {
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch x := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if keep != nil && keep.Len() < maxMessage {
				keep.Write(x[:min(len(x), maxMessage)])
			}
		}
	}
	return nil
}

func joined(message, text string) string {
	message, text = strings.TrimSpace(message), strings.TrimSpace(text)
	switch {
	case message == "" || strings.HasPrefix(text, message):
		return text
	case text == "":
		return message
	}
	return message + "\n" + text
}

func limit(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "…"
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
