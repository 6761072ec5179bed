package testreport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// playwrightCase is a test whose suites' titles are still to come: an object's title may follow what it holds.
type playwrightCase struct {
	testCase
	titles []string // the innermost first
}

// playwright reads what Playwright's reporter "json" writes: suites in suites, their specs, a test of a spec for each
// project, and a result for each time that it ran. What went wrong outside of tests is a test case of its own.
func (f *file) playwright() error {
	j := f.json()
	known := false
	err := j.object(map[string]func() error{
		"suites": func() error {
			known = true
			return j.items(func() error {
				all, err := j.playwrightSuite(1)
				for _, c := range all {
					f.add(c.named())
				}
				return err
			})
		},
		"errors": func() error {
			return j.items(func() error {
				c := testCase{prefix: "Playwright", name: "the run", status: Error}
				err := j.object(map[string]func() error{"message": j.into(&c.message)})
				f.add(c)
				return err
			})
		},
	})
	if err == nil && !known {
		err = errors.New("it has no suites")
	}
	if err != nil {
		return err
	}
	return j.end()
}

// named gives a case its names: the outermost suite is its file, the others are a part of its name, as Playwright's own
// JUnit reporter has it. The project, where it has a name, tells apart the runs of one test in several browsers.
func (c *playwrightCase) named() testCase {
	titles := slices.Clone(c.titles)
	slices.Reverse(titles)
	c.prefix, c.name = titles[0], strings.Join(titles[1:], " › ")
	if c.suite != "" {
		c.name = "[" + c.suite + "] " + c.name
	}
	return c.testCase
}

func (j *jsonFile) playwrightSuite(depth int) (all []*playwrightCase, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("suites nest deeper than %d", maxDepth)
	}
	title := ""
	gather := func(more []*playwrightCase, err error) error {
		if all = append(all, more...); err == nil && len(all) > maxPending {
			err = fmt.Errorf("a suite has more than %d tests", maxPending)
		}
		return err
	}
	err = j.object(map[string]func() error{
		"title":  j.into(&title),
		"specs":  func() error { return j.items(func() error { return gather(j.playwrightSpec()) }) },
		"suites": func() error { return j.items(func() error { return gather(j.playwrightSuite(depth + 1)) }) },
	})
	if title != "" || depth == 1 {
		for _, c := range all {
			c.titles = append(c.titles, title)
		}
	}
	return all, err
}

func (j *jsonFile) playwrightSpec() (all []*playwrightCase, err error) {
	title := ""
	err = j.object(map[string]func() error{
		"title": j.into(&title),
		"tests": func() error {
			return j.items(func() error {
				c, err := j.playwrightTest()
				all = append(all, &playwrightCase{testCase: c})
				return err
			})
		},
	})
	for _, c := range all {
		c.titles = []string{title}
	}
	return all, err
}

// playwrightTest reads how a test went in a project. The last try decides; one that passed after another failed is
// flaky, and what the earlier ones left is kept with it.
func (j *jsonFile) playwrightTest() (c testCase, err error) {
	status := ""
	err = j.object(map[string]func() error{
		"projectName": j.into(&c.suite),
		"status":      j.into(&status),
		"results":     func() error { return j.items(func() error { return j.playwrightTry(&c) }) },
	})
	switch status {
	case "expected":
		c.status, c.message = Succeeded, ""
	case "flaky":
		c.status, c.message, c.flaky = Succeeded, "", true
	case "skipped":
		c.status = Skipped
	case "unexpected":
		c.status = Failed
	default:
		c.status = Unknown
	}
	return c, err
}

func (j *jsonFile) playwrightTry(c *testCase) error {
	var duration, status string
	c.message = ""
	err := j.object(map[string]func() error{
		"duration": j.into(&duration),
		"status":   j.into(&status),
		"errors": func() error {
			return j.items(func() error {
				message := ""
				err := j.object(map[string]func() error{"message": j.into(&message)})
				c.message = joined(c.message, message)
				return err
			})
		},
		"attachments": func() error {
			return j.items(func() error {
				path := ""
				err := j.object(map[string]func() error{"path": j.into(&path)})
				c.attach(path)
				return err
			})
		},
	})
	switch {
	case c.message == "" && status == "timedOut":
		c.message = "The test timed out."
	case c.message == "" && status == "interrupted":
		c.message = "The test was interrupted."
	}
	c.nanoseconds += milliseconds(duration)
	return err
}
