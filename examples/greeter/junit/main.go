// Command junit turns the output of `go test -json`, on its standard input, into a JUnit report. It ends with an error if a test failed.
package main

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"sort"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

type failure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type testCase struct {
	Class   string    `xml:"classname,attr"`
	Name    string    `xml:"name,attr"`
	Time    float64   `xml:"time,attr"`
	Failure *failure  `xml:"failure,omitempty"`
	Skipped *struct{} `xml:"skipped,omitempty"`
	output  strings.Builder
}

type suite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []*testCase `xml:"testcase"`
}

func main() {
	s, err := read(bufio.NewScanner(os.Stdin))
	if err == nil {
		fmt.Print(xml.Header)
		encoder := xml.NewEncoder(os.Stdout)
		encoder.Indent("", "  ")
		err = encoder.Encode(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "junit:", err)
		os.Exit(2)
	}
	fmt.Fprintf(os.Stderr, "%d tests, %d failed\n", s.Tests, s.Failures)
	if s.Failures > 0 {
		os.Exit(1)
	}
}

func read(lines *bufio.Scanner) (*suite, error) {
	cases := map[string]*testCase{}
	s := &suite{Name: "go test"}
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("not a line of go test -json: %q", lines.Text())
		}
		key := e.Package + " " + e.Test
		c := cases[key]
		if c == nil {
			c = &testCase{Class: e.Package, Name: e.Test}
			if e.Test == "" {
				c.Name = "(package)"
			}
			cases[key] = c
		}
		switch e.Action {
		case "output":
			c.output.WriteString(e.Output)
		case "pass", "skip", "fail":
			c.Time = e.Elapsed
			if e.Action == "fail" {
				text := strings.TrimSpace(c.output.String())
				c.Failure = &failure{Message: firstLine(text), Text: text}
			} else if e.Test == "" {
				continue // a package is a case of its own only if it failed
			}
			if e.Action == "skip" {
				c.Skipped = &struct{}{}
			}
			s.Cases = append(s.Cases, c)
		}
	}
	sort.SliceStable(s.Cases, func(i, j int) bool { return s.Cases[i].Failure != nil && s.Cases[j].Failure == nil })
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		if c.Failure != nil {
			s.Failures++
		}
	}
	return s, lines.Err()
}

// firstLine is the first line that says what is wrong, not which test runs.
func firstLine(text string) string {
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "failed"
}
