package testreport

import (
	"encoding/json"
	"fmt"
	"strings"
)

// simplecov reads SimpleCov's .resultset.json, which has the coverage of each suite, or its coverage.json, which has
// one.
func (f *file) simplecov() error {
	j := f.json()
	found := false
	coverage := func() error {
		found = true
		return j.members(j.simplecovFile)
	}
	err := j.members(func(key string) error {
		if key == "coverage" {
			return coverage()
		}
		if suite, err := j.is('{'); err != nil || !suite {
			return orSkip(j, err)
		}
		return j.object(map[string]func() error{"coverage": coverage})
	})
	if err == nil && !found {
		err = fmt.Errorf("it has no member coverage")
	}
	if err != nil {
		return err
	}
	return j.end()
}

func orSkip(j *jsonFile, err error) error {
	if err != nil {
		return err
	}
	return j.skip()
}

// simplecovFile reads the coverage of a file: its lines, or an object that has them.
func (j *jsonFile) simplecovFile(name string) error {
	c, err := j.covered(name)
	if err != nil {
		return err
	}
	if bare, err := j.is('['); err != nil || bare {
		if err != nil {
			return err
		}
		return j.simplecovLines(c)
	}
	return j.object(map[string]func() error{
		"lines": func() error { return j.simplecovLines(c) },
		"branches": func() error {
			if list, err := j.is('['); err != nil || list {
				if err != nil {
					return err
				}
				return j.simplecovBranchList(c)
			}
			return j.members(func(condition string) error { return j.simplecovBranches(c, condition) })
		},
	})
}

// simplecovLines reads how often each line ran. A line without code is null, one that is left out a text.
func (j *jsonFile) simplecovLines(c *covered) error {
	number := int64(0)
	return j.items(func() error {
		number++
		t, err := j.token()
		if err != nil {
			return err
		}
		switch x := t.(type) {
		case nil, string:
			return nil
		case json.Number:
			n, err := count(x.String())
			if err != nil {
				return err
			}
			return c.line(number, n > 0)
		}
		return fmt.Errorf("%s is no count of line %d", said(t), number)
	})
}

// simplecovBranches reads the branches of a condition, which is named like "[:if, 0, 3, 6, 5, 9]": its kind, its
// number, and where it begins and ends.
func (j *jsonFile) simplecovBranches(c *covered, condition string) error {
	number, err := rubyLine(condition)
	if err != nil {
		return err
	}
	taken, total := int64(0), int64(0)
	err = j.members(func(string) error {
		text, err := j.text()
		if err != nil {
			return err
		}
		n, err := count(text)
		if total++; n > 0 {
			taken++
		}
		return err
	})
	if err != nil {
		return err
	}
	old := c.branches[int(number)] // a line may have several conditions
	return c.branch(number, old.covered+taken, old.total+total)
}

func rubyLine(condition string) (int64, error) {
	parts := strings.SplitN(condition, ",", 4)
	if len(parts) < 4 {
		return 0, fmt.Errorf("the condition %q does not say where it is", limit(condition, 60))
	}
	return count(parts[2])
}

// simplecovBranchList reads the branches of coverage.json, each with the line on which it begins.
func (j *jsonFile) simplecovBranchList(c *covered) error {
	return j.items(func() error {
		var line, ran string
		if err := j.object(map[string]func() error{
			"start_line": j.into(&line),
			"coverage":   j.into(&ran),
		}); err != nil {
			return err
		}
		number, err := count(line)
		if err != nil || ran == "ignored" {
			return err
		}
		n, err := count(ran)
		if err != nil {
			return err
		}
		old := c.branches[int(number)]
		return c.branch(number, old.covered+min(n, 1), old.total+1)
	})
}
