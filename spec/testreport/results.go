// Package testreport reads the files in which test and coverage tools write their results.
//
// Each format is read in one pass, in time that is linear in the file's length, and within limits: of the file, of a
// value in it, and of how deep it nests.
package testreport

import (
	"strings"

	"slipway/api/codebuild"
)

const (
	// MaxCases is how many test cases a report keeps; CodeBuild's limit. The counts include the others.
	MaxCases = 500
	// maxMessage bounds a message's length in bytes, maxName a name's.
	maxMessage = 10_000
	maxName    = 1000
)

// Statuses of a test case.
const (
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	Error     = "ERROR"
	Skipped   = "SKIPPED"
	Unknown   = "UNKNOWN"
)

// Results are what the files of one report say: test cases, or the coverage of files. Cases has at most MaxCases of
// them, all that failed if they are that few; the counts are of all.
type Results struct {
	// Source is the folder that the tested files lie in. The paths of covered files are made relative to it.
	Source string

	Cases       []codebuild.TestCase
	Truncated   bool             // there were more
	Counts      map[string]int32 // by status
	Nanoseconds int64            // that all of them took
	Coverage    Coverage
	// Attachments are files that the tests have left, at most MaxAttachments, and Flaky the tests that failed and then
	// passed when they were run again, at most MaxCases.
	Attachments []Attachment
	Flaky       []Test
	spare       int // from here on no kept case may give way: those that did not fail lie before
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

// testCase is a test as a format's reader has found it.
type testCase struct {
	suite, prefix, name string
	status, message     string
	nanoseconds         int64
	attachments         []string // paths
	flaky               bool
}

// add adds a test case of the file.
func (f *file) add(c testCase) {
	kept := codebuild.TestCase{
		Name:                  new(limit(c.name, maxName)),
		Status:                &c.status,
		DurationInNanoSeconds: &c.nanoseconds,
		TestRawDataPath:       &f.path,
	}
	if c.suite != "" {
		kept.TestSuiteName = new(limit(c.suite, maxName))
	}
	if c.prefix != "" {
		kept.Prefix = new(limit(c.prefix, maxName))
	}
	if c.message != "" {
		kept.Message = new(limit(Plain(c.message), maxMessage))
	}
	f.results.add(kept)
	of := Test{Name: *kept.Name}
	if kept.Prefix != nil {
		of.Prefix = *kept.Prefix
	}
	f.results.attach(of, f.path, c.attachments)
	if c.flaky && len(f.results.Flaky) < MaxCases {
		f.results.Flaky = append(f.results.Flaky, of)
	}
}

// weight orders statuses: an error outweighs a failure, both a skip, and all of them a success.
func weight(status string) int {
	switch status {
	case Error:
		return 4
	case Failed:
		return 3
	case Skipped:
		return 2
	case Succeeded:
		return 1
	}
	return 0
}

// worsen lets a part's outcome become the whole's, if it weighs more.
func (c *testCase) worsen(status, message string) {
	if weight(status) > weight(c.status) {
		c.status, c.message = status, message
	}
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

// Plain drops the sequences by which terminals show colours (CSI of ECMA-48: ESC [, then anything up to a letter).
func Plain(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		end := strings.IndexFunc(rest, func(c rune) bool { return c >= '@' && c <= '~' || c < ' ' || c > '~' })
		if end < 0 {
			return b.String()
		}
		s = rest[end:]
		if s[0] >= '@' && s[0] <= '~' {
			s = s[1:]
		}
	}
}

func limit(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "…"
}
