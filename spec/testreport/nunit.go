package testreport

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// nunit2 reads the results of NUnit 2: <test-results> with suites, whose content lies in <results>.
func (f *file) nunit2() error {
	x, _, err := f.xml("test-results")
	if err != nil {
		return err
	}
	if err := x.nunitSuite("", 1, x.nunit2Case); err != nil {
		return err
	}
	return x.end()
}

// nunit3 reads the results of NUnit 3: <test-run> with suites and test cases.
func (f *file) nunit3() error {
	x, root, err := f.xml("test-run", "test-suite")
	if err != nil {
		return err
	}
	name := ""
	if root.Name.Local == "test-suite" {
		name = attribute(root, "name")
	}
	if err := x.nunitSuite(name, 1, x.nunit3Case); err != nil {
		return err
	}
	return x.end()
}

// nunitSuite reads what is in a suite.
func (x *xmlFile) nunitSuite(name string, depth int, one func(e xml.StartElement, suite string) error) error {
	if depth > maxDepth {
		return fmt.Errorf("suites nest deeper than %d", maxDepth)
	}
	var within func(e xml.StartElement) error
	within = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "test-suite":
			return x.nunitSuite(attribute(e, "name"), depth+1, one)
		case "results":
			return x.children(within)
		case "test-case":
			return one(e, name)
		}
		return x.skip(nil)
	}
	return x.children(within)
}

func (x *xmlFile) nunit2Case(e xml.StartElement, suite string) error {
	c := testCase{suite: suite, nanoseconds: nanoseconds(attribute(e, "time"))}
	c.prefix, c.name = qualified(attribute(e, "name"))
	switch result := strings.ToLower(attribute(e, "result")); {
	case result == "success", result == "" && strings.EqualFold(attribute(e, "success"), "true"):
		c.status = Succeeded
	case result == "failure", result == "" && strings.EqualFold(attribute(e, "success"), "false"):
		c.status = Failed
	case result == "error", result == "notrunnable", result == "invalid", result == "cancelled":
		c.status = Error
	case result == "ignored", result == "skipped", strings.EqualFold(attribute(e, "executed"), "false"):
		c.status = Skipped
	default:
		c.status = Unknown // inconclusive
	}
	return x.nunitMessage(c)
}

func (x *xmlFile) nunit3Case(e xml.StartElement, suite string) error {
	c := testCase{suite: suite, prefix: attribute(e, "classname"), name: attribute(e, "name"), status: Unknown,
		nanoseconds: nanoseconds(attribute(e, "duration"))}
	if c.prefix == "" {
		if prefix, name := qualified(attribute(e, "fullname")); name == c.name {
			c.prefix = prefix
		}
	}
	switch strings.ToLower(attribute(e, "result")) {
	case "passed", "warning":
		c.status = Succeeded
	case "failed":
		c.status = Failed
		if label := attribute(e, "label"); label != "" { // Error, Invalid, Cancelled: no assertion failed
			c.status = Error
		}
	case "skipped":
		c.status = Skipped
	}
	return x.nunitMessage(c)
}

// nunitMessage reads what a test case says of its result, and adds it.
func (x *xmlFile) nunitMessage(c testCase) error {
	said := func(xml.StartElement) error {
		text, err := x.texts("message", "stack-trace")
		c.message = joined(c.message, text)
		return err
	}
	if err := x.each(map[string]func(xml.StartElement) error{"failure": said, "reason": said}); err != nil {
		return err
	}
	x.add(c)
	return nil
}

// qualified cuts a name like Space.Class.Method("a.b") into Space.Class and Method("a.b").
func qualified(name string) (prefix, rest string) {
	end := len(name)
	if i := strings.IndexByte(name, '('); i >= 0 {
		end = i
	}
	i := strings.LastIndexByte(name[:end], '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}
