package testreport

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// junit reads the results of JUnit and of what writes the same: <testsuites>, <testsuite>, <testcase>.
func (f *file) junit() error {
	x, root, err := f.xml("testsuites", "testsuite")
	if err != nil {
		return err
	}
	for {
		if err := x.suite(root, 1); err != nil {
			return err
		}
		// Some tools write several roots into one file.
		for root.Name.Local = ""; root.Name.Local == ""; {
			t, err := x.token()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if e, ok := t.(xml.StartElement); ok {
				root = e.Copy()
			}
		}
		if !isSuite(root) {
			return fmt.Errorf("<%s> comes after the root's end", limit(root.Name.Local, 100))
		}
	}
}

func isSuite(e xml.StartElement) bool {
	return e.Name.Local == "testsuites" || e.Name.Local == "testsuite"
}

// suite reads a suite with those in it.
func (x *xmlFile) suite(start xml.StartElement, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("suites nest deeper than %d", maxDepth)
	}
	name := attribute(start, "name")
	return x.children(func(e xml.StartElement) error {
		switch {
		case isSuite(e):
			return x.suite(e, depth+1)
		case e.Name.Local == "testcase":
			return x.junitCase(e, name)
		}
		return x.skip(nil)
	})
}

func (x *xmlFile) junitCase(start xml.StartElement, suite string) error {
	c := testCase{
		suite:       suite,
		prefix:      attribute(start, "classname"),
		name:        attribute(start, "name"),
		status:      Succeeded,
		nanoseconds: nanoseconds(attribute(start, "time")),
	}
	outcomes := map[string]string{"failure": Failed, "error": Error, "skipped": Skipped}
	err := x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "failure", "error", "skipped":
			message := attribute(e, "message")
			text, err := x.text()
			c.worsen(outcomes[e.Name.Local], joined(message, text))
			return err
		case "flakyFailure", "flakyError": // Surefire's word for a failure that a rerun of the test did not have
			c.flaky = true
		case "system-out", "system-err":
			return x.walk(func(text xml.CharData) { c.attachMarked(string(text)) })
		case "properties":
			return x.each(map[string]func(xml.StartElement) error{"property": func(e xml.StartElement) error {
				return x.junitProperty(e, &c)
			}})
		}
		return x.skip(nil)
	})
	if err != nil {
		return err
	}
	x.add(c)
	return nil
}

// junitProperty reads a property of a test case. One named attachment names a file, by its value or by its text.
func (x *xmlFile) junitProperty(e xml.StartElement, c *testCase) error {
	name, value := attribute(e, "name"), attribute(e, "value")
	text, err := x.text()
	if name == "attachment" {
		c.attach(cmp.Or(value, text))
	}
	return err
}
