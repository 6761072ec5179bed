package testreport

import (
	"encoding/xml"
	"strings"
)

// testng reads TestNG's results: suites with tests, classes and methods. A method that only prepares or cleans up is
// no test case, unless it failed.
func (f *file) testng() error {
	x, _, err := f.xml("testng-results")
	if err != nil {
		return err
	}
	method := func(suite, class string) func(e xml.StartElement) error {
		return func(e xml.StartElement) error { return x.testMethod(e, suite, class) }
	}
	err = x.each(map[string]func(xml.StartElement) error{"suite": func(e xml.StartElement) error {
		suite := attribute(e, "name")
		return x.each(map[string]func(xml.StartElement) error{"test": func(e xml.StartElement) error {
			name := joinedBy(" / ", suite, attribute(e, "name"))
			return x.each(map[string]func(xml.StartElement) error{"class": func(e xml.StartElement) error {
				within := method(name, attribute(e, "name"))
				return x.each(map[string]func(xml.StartElement) error{"test-method": within})
			}})
		}})
	}})
	if err != nil {
		return err
	}
	return x.end()
}

func joinedBy(separator, a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + separator + b
}

func (x *xmlFile) testMethod(e xml.StartElement, suite, class string) error {
	c := testCase{suite: suite, prefix: class, name: attribute(e, "name"), status: Unknown,
		nanoseconds: milliseconds(attribute(e, "duration-ms"))}
	configures := attribute(e, "is-config") == "true"
	switch strings.ToUpper(attribute(e, "status")) {
	case "PASS":
		c.status = Succeeded
	case "FAIL":
		c.status = Failed
		if configures {
			c.status = Error
		}
	case "SKIP":
		c.status = Skipped
	}
	exception := func(e xml.StartElement) error {
		class := attribute(e, "class")
		text, err := x.texts("message", "full-stacktrace", "short-stacktrace")
		c.message = text
		if !strings.Contains(text, class) {
			c.message = joined(class, text)
		}
		return err
	}
	if err := x.each(map[string]func(xml.StartElement) error{"exception": exception}); err != nil {
		return err
	}
	if !configures || c.status == Error {
		x.add(c)
	}
	return nil
}
