package view

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

// longest is how many characters a cause has at most: it is one sentence in a list.
const longest = 240

// Cause is why some work failed, in one sentence. Of a build it is the test that failed and its message, or else what
// its tools said is wrong, or the first line of output that looks like it; of a deployment the host, the script and the
// script's last line. Where
// no more is known it is the service's message. It is "" for work that did not fail.
func Cause(w slipway.Work) string {
	switch {
	case w.Event != nil:
		return EventCause(w.Host, w.Event)
	case w.Cause != nil:
		return buildCause(w.Cause)
	}
	return Plain(w.Message)
}

// buildCause is why a build failed.
func buildCause(c *slipway.Cause) string {
	switch {
	case breaks(c.Finding):
		return findingWords(c.Finding, c.Command)
	case c.Test != nil:
		return tests(c.Test, c.FailedTests)
	case c.Finding != nil:
		return findingWords(c.Finding, c.Command)
	}
	if len(c.Lines) > 0 {
		return clip(text(c.Lines[0].Text) + exited(c.ExitCode))
	}
	if c.Command != "" && c.ExitCode != nil {
		return clip(fmt.Sprintf("%s: exit %d", FirstLine(c.Command), *c.ExitCode))
	}
	return Plain(c.Message)
}

// explainedCause is the same for what ExplainBuild tells.
func explainedCause(out *slipway.ExplainBuildOutput) string {
	c := &slipway.Cause{
		Finding:  out.Finding,
		Lines:    out.Lines,
		ExitCode: out.ExitCode,
		Command:  text(out.Command),
		Message:  text(out.Summary),
	}
	if n := len(out.FailedTests); n > 0 {
		c.Test, c.FailedTests = &out.FailedTests[0], n
	}
	return buildCause(c)
}

func exited(code *int32) string {
	if code == nil || *code == 1 {
		return "" // it says nothing
	}
	return fmt.Sprintf(" (exit %d)", *code)
}

// tests says which test failed, and how many more did.
func tests(t *slipway.FailedTest, n int) string {
	say := testName(text(t.Name))
	if m := assertion(text(t.Message)); m != "" {
		say += ": " + m
	}
	switch {
	case n == 2:
		return clip(say) + ", and 1 more test"
	case n > 2:
		return clip(say) + fmt.Sprintf(", and %d more tests", n-1)
	}
	return clip(say)
}

// testName leaves out the suite of a test: a case has it before its name.
func testName(name string) string {
	if i := strings.LastIndex(name, ": "); i >= 0 {
		name = name[i+2:]
	}
	return name
}

// raised matches the exception that a test framework names before the message of a failed assertion.
var raised = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_.$]*(?:Error|Exception|Failed|Failure)): `)

// assertion is the first line of an assertion's message, without the exception's name.
func assertion(message string) string {
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if line = raised.ReplaceAllString(line, ""); line != "" {
			return line
		}
	}
	return ""
}

// EventCause is why a lifecycle event failed on a host: "host-1, validate.sh, exit 7: the shop does not answer".
func EventCause(host string, e *codedeploy.LifecycleEvent) string {
	parts := []string{host}
	d := e.Diagnostics
	if d == nil {
		return clip(host + ", " + text(e.LifecycleEventName) + ": failed")
	}
	if script := text(d.ScriptName); script != "" {
		parts = append(parts, path.Base(script))
	} else {
		parts = append(parts, text(e.LifecycleEventName))
	}
	if m := scriptExit.FindStringSubmatch(text(d.Message)); m != nil {
		parts = append(parts, "exit "+m[1])
		if last := lastWords(text(d.LogTail)); last != "" {
			return clip(strings.Join(parts, ", ") + ": " + last)
		}
		return clip(strings.Join(parts, ", "))
	}
	return clip(strings.Join(parts, ", ") + ": " + Plain(text(d.Message)))
}

// scriptExit matches a script's exit code in the messages of the agent and of AWS's agent.
var scriptExit = regexp.MustCompile(`(?i)exit(?:ed with)?(?: code)?[ :]+(\d+)`)

// stream matches the prefix of a line of a script's output, which names the stream.
var stream = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d )?\[(stdout|stderr)\]\s*`)

// lastWords is the last line that a script wrote to its standard error, else to its output.
func lastWords(tail string) string {
	last := ""
	lines := strings.Split(strings.TrimSpace(tail), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		m := stream.FindStringSubmatch(lines[i])
		said := strings.TrimSpace(stream.ReplaceAllString(lines[i], ""))
		if said == "" || strings.HasPrefix(lines[i], "LifecycleEvent - ") || strings.HasPrefix(lines[i], "Script - ") {
			continue
		}
		if m != nil && m[1] == "stderr" {
			return said
		}
		if last == "" {
			last = said
		}
	}
	return last
}

// wordy are beginnings of AWS's messages that say no more than the state does.
var wordy = []string{
	"Build terminated with state: FAILED. ",
	"Build terminated with state: FAULT. ",
	"Build terminated with state: TIMED_OUT. ",
	"Build terminated with state: STOPPED. ",
}

// Plain is a service's message of a failure as one line, without what means something only to AWS.
func Plain(message string) string {
	message = FirstLine(message)
	for _, one := range wordy {
		message = strings.TrimPrefix(message, one)
	}
	if strings.HasPrefix(
		message,
		"The overall deployment failed because too many individual instances failed deployment",
	) {
		message = "Too many hosts failed"
	}
	return clip(message)
}

func clip(s string) string {
	s = strings.TrimSpace(s)
	if r := []rune(s); len(r) > longest {
		return strings.TrimSpace(string(r[:longest-1])) + "…"
	}
	return s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Number writes "#12".
func Number(n int64) string { return "#" + strconv.FormatInt(n, 10) }
