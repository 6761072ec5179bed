package actions

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// matchers turn lines of output into annotations. See "Problem matchers" in actions/toolkit.
type matchers struct{ all []*matcher }

// matcher finds messages that consist of one line, or of several in a row.
type matcher struct {
	owner, severity string
	patterns        []pattern
	at              int        // the pattern that the next line is for
	found           Annotation // what the lines before had
}

type pattern struct {
	re *regexp.Regexp
	patternFile
}

type patternFile struct {
	Regexp   string `json:"regexp"`
	File     int    `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity int    `json:"severity"`
	Code     int    `json:"code"`
	Message  int    `json:"message"`
	Loop     bool   `json:"loop"`
}

type matcherFile struct {
	ProblemMatcher []struct {
		Owner    string        `json:"owner"`
		Severity string        `json:"severity"`
		Pattern  []patternFile `json:"pattern"`
	} `json:"problemMatcher"`
}

// add reads matchers from a file. One takes the place of another of the same owner.
func (m *matchers) add(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the problem matcher %s cannot be read: %w", file, err)
	}
	var of matcherFile
	if err := json.Unmarshal(text, &of); err != nil {
		return fmt.Errorf("the problem matcher %s is no JSON of that form: %w", file, err)
	}
	for _, p := range of.ProblemMatcher {
		one := &matcher{owner: p.Owner, severity: strings.ToLower(p.Severity)}
		for _, f := range p.Pattern {
			re, err := regexp.Compile(f.Regexp)
			if err != nil {
				return fmt.Errorf("the problem matcher %s of %s: %w", p.Owner, file, err)
			}
			one.patterns = append(one.patterns, pattern{re, f})
		}
		if len(one.patterns) > 0 {
			m.remove(p.Owner)
			m.all = append(m.all, one)
		}
	}
	return nil
}

func (m *matchers) remove(owner string) {
	kept := m.all[:0]
	for _, one := range m.all {
		if one.owner != owner {
			kept = append(kept, one)
		}
	}
	m.all = kept
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// look returns the annotations that a line completes.
func (m *matchers) look(line string) (found []Annotation) {
	if len(m.all) == 0 {
		return nil
	}
	line = colours.ReplaceAllString(line, "")
	for i := len(m.all) - 1; i >= 0; i-- { // the last one that was added comes first
		if a, ok := m.all[i].look(line); ok {
			return append(found, a)
		}
	}
	return nil
}

func (m *matcher) look(line string) (Annotation, bool) {
	p := m.patterns[m.at]
	groups := p.re.FindStringSubmatch(line)
	if groups == nil {
		if m.at == 0 {
			return Annotation{}, false
		}
		m.at, m.found = 0, Annotation{}
		return m.look(line)
	}
	m.found = p.fill(m.found, groups)
	if m.at < len(m.patterns)-1 {
		m.at++
		return Annotation{}, false
	}
	a := m.found
	if !p.Loop {
		m.at, m.found = 0, Annotation{}
	}
	switch a.Level = strings.ToLower(a.Level); a.Level {
	case "error", "warning", "notice":
	default:
		if a.Level = m.severity; a.Level == "" {
			a.Level = "error"
		}
	}
	return a, a.Message != ""
}

// fill takes what a pattern's groups say.
func (p patternFile) fill(a Annotation, groups []string) Annotation {
	of := func(n int) string {
		if n > 0 && n < len(groups) {
			return strings.TrimSpace(groups[n])
		}
		return ""
	}
	if v := of(p.File); v != "" {
		a.File = v
	}
	if v, err := strconv.Atoi(of(p.Line)); err == nil {
		a.Line = v
	}
	if v, err := strconv.Atoi(of(p.Column)); err == nil {
		a.Column = v
	}
	if v := of(p.Severity); v != "" {
		a.Level = v
	}
	if v := of(p.Code); v != "" {
		a.Title = v
	}
	if v := of(p.Message); v != "" {
		a.Message = v
	}
	return a
}
