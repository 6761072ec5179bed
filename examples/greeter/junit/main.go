// Command junit turns the output of `go test -v`, on its standard input, into a JUnit report. It ends with an error if
// a test failed.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// test is a test that has ended.
type test struct {
	class, name, verdict, seconds string
	output                        []string
}

func main() {
	tests, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "junit:", err)
		os.Exit(2)
	}
	failed := 0
	for _, t := range tests {
		if t.verdict == "FAIL" {
			failed++
		}
	}
	write(os.Stdout, tests, failed)
	fmt.Fprintf(os.Stderr, "%d tests, %d failed\n", len(tests), failed)
	if failed > 0 {
		os.Exit(1)
	}
}

var (
	begun  = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(\S+)`)
	ended  = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)$`)
	broken = regexp.MustCompile(`^FAIL\s+(\S+)(?:\s+[0-9.]+s|\s+\[.*\])?$`)
	passed = regexp.MustCompile(`^ok\s+(\S+)`)
)

// read collects the tests. Their package is known once the package has ended; one that failed without a test that did
// is a failure of its own.
func read(r io.Reader) (tests []*test, err error) {
	output := map[string][]string{}
	current, first, failed := "", 0, false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if m := begun.FindStringSubmatch(line); m != nil {
			current = m[1]
		} else if m := ended.FindStringSubmatch(line); m != nil {
			failed = failed || m[1] == "FAIL"
			tests = append(tests, &test{name: m[2], verdict: m[1], seconds: m[3], output: output[m[2]]})
		} else if m := broken.FindStringSubmatch(line); m != nil && !failed {
			tests = append(tests, &test{name: "package", verdict: "FAIL", seconds: "0", output: output[current]})
		} else {
			output[current] = append(output[current], line)
		}
		for _, last := range []*regexp.Regexp{broken, passed} {
			if m := last.FindStringSubmatch(line); m != nil {
				for _, t := range tests[first:] {
					t.class = m[1]
				}
				output, current, first, failed = map[string][]string{}, "", len(tests), false
			}
		}
	}
	return tests, lines.Err()
}

func write(w io.Writer, tests []*test, failed int) {
	fmt.Fprintf(w,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"go test\" tests=\"%d\" failures=\"%d\">\n",
		len(tests), failed)
	for _, t := range tests {
		fmt.Fprintf(w, "  <testcase classname=\"%s\" name=\"%s\" time=\"%s\">", text(t.class), text(t.name), t.seconds)
		switch t.verdict {
		case "FAIL":
			message := strings.TrimSpace(strings.Join(t.output, "\n"))
			if message == "" {
				message = "failed"
			}
			first, _, _ := strings.Cut(message, "\n")
			fmt.Fprintf(w, "<failure message=\"%s\">%s</failure>", text(first), text(message))
		case "SKIP":
			fmt.Fprint(w, "<skipped/>")
		}
		fmt.Fprintln(w, "</testcase>")
	}
	fmt.Fprintln(w, "</testsuite>")
}

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// text escapes what has a meaning in XML and drops the control characters that it does not have.
func text(s string) string {
	return escapes.Replace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, s))
}
