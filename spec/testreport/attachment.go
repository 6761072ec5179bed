package testreport

import "strings"

// MaxAttachments is how many files the tests of a report may leave.
const MaxAttachments = 500

// maxOfCase bounds the files of one test case.
const maxOfCase = 50

// Test names a test case within a report.
type Test struct {
	Prefix string `json:"prefix,omitzero"` // its class or file; "" if it has none
	Name   string `json:"name,omitzero"`
}

// Attachment is a file that a test has left, such as a picture of the page on which it failed.
type Attachment struct {
	Test
	Path string // as the report writes it: absolute, or relative to where the tests ran, or to the report
	File string // the file of the report that names it
}

func (r *Results) attach(of Test, file string, paths []string) {
	for _, path := range paths[:min(len(paths), MaxAttachments-len(r.Attachments))] {
		r.Attachments = append(r.Attachments, Attachment{of, path, file})
	}
}

// attach adds a file to a test case, unless it has no path, or the case has it.
func (c *testCase) attach(path string) {
	path = strings.TrimSpace(path)
	if path == "" || len(path) > maxName || len(c.attachments) == maxOfCase {
		return
	}
	for _, other := range c.attachments {
		if other == path {
			return
		}
	}
	c.attachments = append(c.attachments, path)
}

// attachMarked adds the files that a test's output marks as [[ATTACHMENT|PATH]], as Playwright, the JUnit attachments
// plugin of Jenkins, and GitLab have it.
func (c *testCase) attachMarked(output string) {
	for len(c.attachments) < maxOfCase {
		_, rest, ok := strings.Cut(output, "[[ATTACHMENT|")
		if !ok {
			return
		}
		line, _, _ := strings.Cut(rest[:min(len(rest), maxName+2)], "\n")
		if path, _, ok := strings.Cut(line, "]]"); ok {
			c.attach(path)
		}
		output = rest
	}
}
