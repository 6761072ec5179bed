package testreport

import (
	"fmt"
	"strings"
)

// sarif reads the findings of static analysis in SARIF 2.1: each is a test case, which failed if it is an error. What
// is less than that is of unknown status, and what is suppressed was skipped.
func (f *file) sarif() error {
	j := f.json()
	found := false
	if err := j.object(map[string]func() error{"runs": func() error {
		found = true
		return j.items(j.sarifRun)
	}}); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("it has no member runs")
	}
	return j.end()
}

// finding is a result of a run.
type finding struct {
	rule, level, kind, message, place string
	suppressed                        bool
}

// sarifRun reads a run. What it says of its rules may come behind its results.
func (j *jsonFile) sarifRun() error {
	tool, levels, all := "", map[string]string{}, []finding{}
	driver := func() error {
		return j.object(map[string]func() error{
			"name":  j.into(&tool),
			"rules": func() error { return j.items(func() error { return j.sarifRule(levels) }) },
		})
	}
	err := j.object(map[string]func() error{
		"tool": func() error { return j.object(map[string]func() error{"driver": driver}) },
		"results": func() error {
			return j.items(func() error {
				x, err := j.sarifResult()
				if all = append(all, x); len(all) > maxPending {
					return fmt.Errorf("a run has more than %d results", maxPending)
				}
				return err
			})
		},
	})
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.level == "" {
			x.level = levels[x.rule]
		}
		if x.level == "" {
			x.level = "warning" // so the standard says
		}
		j.add(testCase{suite: tool, prefix: x.rule, name: x.name(), status: x.status(),
			message: joined(x.level, x.message)})
	}
	return nil
}

func (x finding) name() string {
	if x.place != "" {
		return x.place
	}
	return strings.TrimSpace(x.rule + " " + limit(x.message, 80))
}

func (x finding) status() string {
	switch {
	case x.suppressed, x.kind == "notApplicable":
		return Skipped
	case x.kind == "pass":
		return Succeeded
	case x.level == "error":
		return Failed
	}
	return Unknown
}

func (j *jsonFile) sarifRule(levels map[string]string) error {
	var id, level string
	err := j.object(map[string]func() error{
		"id": j.into(&id),
		"defaultConfiguration": func() error {
			return j.object(map[string]func() error{"level": j.into(&level)})
		},
	})
	levels[id] = level
	return err
}

func (j *jsonFile) sarifResult() (x finding, err error) {
	return x, j.object(map[string]func() error{
		"ruleId": j.into(&x.rule),
		"level":  j.into(&x.level),
		"kind":   j.into(&x.kind),
		"message": func() error {
			return j.object(map[string]func() error{"text": j.into(&x.message)})
		},
		"locations": func() error {
			return j.items(func() error {
				place, err := j.sarifPlace()
				if x.place == "" {
					x.place = place
				}
				return err
			})
		},
		"suppressions": func() error {
			return j.items(func() error {
				x.suppressed = true
				return j.skip()
			})
		},
	})
}

// sarifPlace reads where a finding is, as FILE:LINE.
func (j *jsonFile) sarifPlace() (string, error) {
	var name, line string
	err := j.object(map[string]func() error{"physicalLocation": func() error {
		return j.object(map[string]func() error{
			"artifactLocation": func() error { return j.object(map[string]func() error{"uri": j.into(&name)}) },
			"region":           func() error { return j.object(map[string]func() error{"startLine": j.into(&line)}) },
		})
	}})
	if line != "" {
		name += ":" + line
	}
	return name, err
}
