package testreport

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// k6 reads the summary of a k6 run: what --summary-export writes, or what a script's handleSummary gets. Each threshold
// is a test case, and so is each check.
func (f *file) k6() error {
	j := f.json()
	known := false
	err := j.object(map[string]func() error{
		"metrics": func() error {
			known = true
			return j.members(j.k6Metric)
		},
		"root_group": func() error { return j.k6Group(1) },
	})
	if err == nil && !known {
		err = errors.New("it has no metrics")
	}
	if err != nil {
		return err
	}
	return j.end()
}

// k6Metric reads a metric with its thresholds.
func (j *jsonFile) k6Metric(name string) error {
	var broken []testCase
	var values []string
	value := func(key string) error {
		t, err := j.peek()
		if n, ok := t.(json.Number); ok && len(values) < maxOfCase {
			values = append(values, key+"="+shortNumber(n))
		}
		if err != nil {
			return err
		}
		return j.skip()
	}
	err := j.members(func(key string) error {
		switch key {
		case "thresholds":
			return j.members(func(expression string) error {
				failed, err := j.k6Threshold()
				c := testCase{prefix: name, name: expression, status: Succeeded}
				if failed {
					c.status = Failed
				}
				if broken = append(broken, c); err == nil && len(broken) > maxPending {
					err = fmt.Errorf("a metric has more than %d thresholds", maxPending)
				}
				return err
			})
		case "values":
			return j.members(value)
		}
		return value(key)
	})
	slices.Sort(values)
	for _, c := range broken {
		if c.status == Failed {
			c.message = strings.Join(values, ", ")
		}
		j.add(c)
	}
	return err
}

// k6Threshold reads whether a threshold was crossed: in an export true says that it was, in handleSummary's data ok
// says that it was not.
func (j *jsonFile) k6Threshold() (failed bool, err error) {
	object, err := j.is('{')
	if err != nil {
		return false, err
	}
	if !object {
		err = j.flag(&failed)()
		return failed, err
	}
	ok := false
	err = j.object(map[string]func() error{"ok": j.flag(&ok)})
	return !ok, err
}

// k6Group reads the checks of a group and the groups in it: members by their names in an export, else items of a list.
func (j *jsonFile) k6Group(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("groups nest deeper than %d", maxDepth)
	}
	each := func(do func() error) func() error {
		return func() error {
			list, err := j.is('[')
			if err != nil {
				return err
			}
			if list {
				return j.items(do)
			}
			return j.members(func(string) error { return do() })
		}
	}
	return j.object(map[string]func() error{
		"checks": each(j.k6Check),
		"groups": each(func() error { return j.k6Group(depth + 1) }),
	})
}

// k6Check reads a check. Its path has the names of the groups that it is in, each after "::".
func (j *jsonFile) k6Check() error {
	var path, passes, fails string
	c := testCase{status: Succeeded}
	err := j.object(map[string]func() error{
		"name": j.into(&c.name), "path": j.into(&path), "passes": j.into(&passes), "fails": j.into(&fails),
	})
	c.prefix = strings.ReplaceAll(strings.Trim(strings.TrimSuffix(path, c.name), ":"), "::", " › ")
	failed, _ := count("0" + fails)
	passed, _ := count("0" + passes)
	if failed > 0 {
		c.status, c.message = Failed, fmt.Sprintf("%d of %d failed", failed, failed+passed)
	}
	j.add(c)
	return err
}

func shortNumber(n json.Number) string {
	if f, err := n.Float64(); err == nil {
		return fmt.Sprintf("%.6g", f)
	}
	return n.String()
}
