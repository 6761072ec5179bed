package testreport

import (
	"fmt"
	"strings"
)

// cucumber reads the JSON that Cucumber's formatters write: features with their scenarios and the steps of these. A
// scenario is a test case. What a background's steps did counts for the scenario that follows it.
func (f *file) cucumber() error {
	j := f.json()
	err := j.items(func() error {
		feature, all := "", []testCase{}
		var before testCase // the background
		element := func() error {
			c, background, err := j.scenario()
			if err != nil {
				return err
			}
			if background {
				before = c
				return nil
			}
			c.nanoseconds += before.nanoseconds
			c.worsen(before.status, before.message)
			before = testCase{}
			if c.status == "" {
				c.status = Unknown // it has no steps
			}
			if all = append(all, c); len(all) > maxPending {
				return fmt.Errorf("a feature has more than %d scenarios", maxPending)
			}
			return nil
		}
		err := j.object(map[string]func() error{
			"name":     j.into(&feature),
			"elements": func() error { return j.items(element) },
		})
		for _, c := range all {
			c.prefix = feature
			f.add(c)
		}
		return err
	})
	if err != nil {
		return err
	}
	return j.end()
}

// scenario reads a scenario, or a background.
func (j *jsonFile) scenario() (c testCase, background bool, err error) {
	var kind, keyword string
	steps := func() error { return j.items(func() error { return j.step(&c) }) }
	err = j.object(map[string]func() error{
		"name":    j.into(&c.name),
		"type":    j.into(&kind),
		"keyword": j.into(&keyword),
		"steps":   steps,
		"before":  steps,
		"after":   steps,
	})
	return c, kind == "background" || kind == "" && strings.EqualFold(keyword, "background"), err
}

// step adds a step, or a hook, to its scenario.
func (j *jsonFile) step(c *testCase) error {
	var keyword, name, status, message, duration string
	hooks := func() error { return j.items(func() error { return j.step(c) }) }
	err := j.object(map[string]func() error{
		"keyword": j.into(&keyword),
		"name":    j.into(&name),
		"before":  hooks,
		"after":   hooks,
		"result": func() error {
			return j.object(map[string]func() error{
				"status":        j.into(&status),
				"error_message": j.into(&message),
				"duration":      j.into(&duration),
			})
		},
	})
	if err != nil {
		return err
	}
	c.nanoseconds += scaled(duration, 1)
	step := strings.TrimSpace(keyword + name)
	switch strings.ToLower(status) {
	case "passed":
		c.worsen(Succeeded, "")
	case "failed":
		c.worsen(Failed, joined(step, message))
	case "undefined", "ambiguous":
		c.worsen(Error, joined(step+": the step is "+strings.ToLower(status), message))
	case "skipped", "pending":
		c.worsen(Skipped, joined(step+": "+strings.ToLower(status), message))
	}
	return nil
}
