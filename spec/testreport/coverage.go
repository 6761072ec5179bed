package testreport

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
)

const (
	maxLine  = 1_000_000  // the highest number of a line
	maxLines = 32_000_000 // lines of all files together, those without code included
	maxFiles = 100_000    // of a report
	maxWork  = 64_000_000 // how often a line may be said to be covered or not
)

// Coverage is which lines of files ran. What several files of a report say of the same line is put together: it ran if
// it ran in one of them.
type Coverage struct {
	files map[string]*covered
	lines int
	work  int
}

// covered is the coverage of a file.
type covered struct {
	coverage *Coverage
	lines    []lineState // by their numbers
	branches map[int]branches
}

type lineState byte

const (
	noCode lineState = iota
	lineMissed
	lineCovered
)

// branches are those of one line.
type branches struct{ covered, total int64 }

// covered returns the coverage of a file by its path.
func (f *file) covered(name string) (*covered, error) {
	if name == "" {
		return nil, fmt.Errorf("a covered file has no name")
	}
	name = path.Clean(strings.ReplaceAll(limit(name, maxName), `\`, "/"))
	if source := strings.TrimSuffix(f.results.Source, "/"); source != "" {
		name = strings.TrimPrefix(name, source+"/")
	}
	c := &f.results.Coverage
	if c.files == nil {
		c.files = map[string]*covered{}
	}
	if c.files[name] == nil {
		if len(c.files) == maxFiles {
			return nil, fmt.Errorf("more than %d files are covered", maxFiles)
		}
		c.files[strings.Clone(name)] = &covered{coverage: c}
	}
	return c.files[name], nil
}

// line adds that a line ran, or that it did not.
func (c *covered) line(number int64, ran bool) error {
	if number < 1 || number > maxLine {
		return fmt.Errorf("a line has the number %d; there may be %d lines", number, maxLine)
	}
	n := int(number)
	if c.coverage.work++; c.coverage.work > maxWork {
		return fmt.Errorf("lines are told of more than %d times", maxWork)
	}
	if more := n + 1 - len(c.lines); more > 0 {
		if c.coverage.lines += more; c.coverage.lines > maxLines {
			return fmt.Errorf("the files have more than %d lines", maxLines)
		}
		c.lines = append(c.lines, make([]lineState, more)...)
	}
	if ran {
		c.lines[n] = lineCovered
	} else if c.lines[n] == noCode {
		c.lines[n] = lineMissed
	}
	return nil
}

// branch adds how many of a line's branches were taken. The most that was said of a line counts.
func (c *covered) branch(number, taken, total int64) error {
	if taken < 0 || total < taken || total > maxLine {
		return fmt.Errorf("line %d has %d branches, and %d of them were taken", number, total, taken)
	}
	if total == 0 {
		return nil
	}
	if c.branches == nil {
		c.branches = map[int]branches{}
	}
	old := c.branches[int(number)]
	c.branches[int(number)] = branches{max(old.covered, taken), max(old.total, total)}
	return nil
}

// CoveredFile is a file with the lines of it that ran, and those that did not.
type CoveredFile struct {
	Path                            string
	Covered, Missed                 Lines
	LinesCovered, LinesMissed       int32
	BranchesCovered, BranchesMissed int32
}

// Files are the files, by their paths.
func (c *Coverage) Files() []CoveredFile {
	all := make([]CoveredFile, 0, len(c.files))
	for name, f := range c.files {
		one := CoveredFile{Path: name}
		for n, state := range f.lines {
			switch state {
			case lineCovered:
				one.Covered.Add(n)
				one.LinesCovered++
			case lineMissed:
				one.Missed.Add(n)
				one.LinesMissed++
			}
		}
		for _, b := range f.branches {
			one.BranchesCovered = sum(one.BranchesCovered, b.covered)
			one.BranchesMissed = sum(one.BranchesMissed, b.total-b.covered)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b CoveredFile) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// sum adds without overflow.
func sum(a int32, b int64) int32 { return int32(min(int64(a)+b, math.MaxInt32)) }
