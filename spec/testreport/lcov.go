package testreport

import (
	"fmt"
	"strings"
)

// lcov reads the trace files of lcov and of what writes the same: for each file SF, then DA for a line and BRDA for a
// branch, and end_of_record.
func (f *file) lcov() error {
	l := &lcovFile{file: f, taken: map[int64]branches{}}
	n, err := f.eachLine(l.line)
	switch {
	case err != nil:
		return err
	case n == 0:
		return errEmpty
	case l.of != nil:
		return fmt.Errorf("it ends before end_of_record of its last file")
	}
	return nil
}

// lcovFile is what was read of a file.
type lcovFile struct {
	*file
	began bool
	of    *covered           // nil between two records
	taken map[int64]branches // by line, of the record that is being read
}

func (l *lcovFile) line(line string) (err error) {
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return nil
	}
	key, value, _ := strings.Cut(line, ":")
	if !l.began && key != "TN" && key != "SF" {
		return fmt.Errorf("it begins with %q, not with TN or SF", limit(line, 60))
	}
	l.began = true
	switch key {
	case "SF":
		if l.of != nil {
			return fmt.Errorf("a file begins before end_of_record of the one before")
		}
		l.of, err = l.covered(value)
		return err
	case "DA", "BRDA", "end_of_record":
		if l.of == nil {
			return fmt.Errorf("%s comes before the SF: of its file", limit(line, 60))
		}
	}
	switch key {
	case "DA":
		return l.of.lcovLine(value)
	case "BRDA":
		return lcovBranch(l.taken, value)
	case "end_of_record":
		return l.endRecord()
	}
	return nil
}

func (l *lcovFile) endRecord() error {
	for number, b := range l.taken {
		if err := l.of.branch(number, b.covered, b.total); err != nil {
			return err
		}
	}
	clear(l.taken)
	l.of = nil
	return nil
}

// lcovLine reads NUMBER,HITS with a checksum or without.
func (c *covered) lcovLine(value string) error {
	parts := strings.SplitN(value, ",", 3)
	if len(parts) < 2 {
		return fmt.Errorf("DA:%s is not like DA:LINE,HITS", limit(value, 60))
	}
	number, err := count(parts[0])
	if err != nil {
		return err
	}
	hits, err := count(parts[1])
	if err != nil {
		return err
	}
	return c.line(number, hits > 0)
}

// lcovBranch reads LINE,BLOCK,BRANCH,TAKEN, where TAKEN is - if the line never ran.
func lcovBranch(taken map[int64]branches, value string) error {
	parts := strings.Split(value, ",")
	if len(parts) < 4 {
		return fmt.Errorf("BRDA:%s is not like BRDA:LINE,BLOCK,BRANCH,TAKEN", limit(value, 60))
	}
	number, err := count(parts[0])
	if err != nil {
		return err
	}
	hits := int64(0)
	if last := parts[len(parts)-1]; last != "-" {
		if hits, err = count(last); err != nil {
			return err
		}
	}
	b := taken[number]
	b.total++
	b.covered += min(max(hits, 0), 1)
	taken[number] = b
	return nil
}
