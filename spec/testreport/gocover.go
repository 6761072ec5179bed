package testreport

import (
	"fmt"
	"strings"
)

// gocover reads the profiles of go test -coverprofile: blocks of statements with how often each ran. A line ran if one
// of its blocks did.
func (f *file) gocover() error {
	began := false
	seen := map[goKey]bool{} // blocks with the same result, of which there are many with -coverpkg
	n, err := f.eachLine(func(line string) error {
		if line = strings.TrimSpace(line); line == "" {
			return nil
		}
		if mode, ok := strings.CutPrefix(line, "mode: "); ok {
			if began = true; mode != "set" && mode != "count" && mode != "atomic" {
				return fmt.Errorf("there is no mode %q", limit(mode, 60))
			}
			return nil
		}
		if !began {
			return fmt.Errorf("it begins with %q, not with mode: set, count or atomic", limit(line, 60))
		}
		b, err := goBlock(line)
		if err != nil {
			return err
		}
		key := goKey{b.place, b.ran}
		if seen[key] {
			return nil
		} else if len(seen) < maxSeen {
			seen[key] = true
		}
		c, err := f.covered(b.name)
		for n := b.first; n <= b.last && err == nil; n++ {
			err = c.line(n, b.ran)
		}
		return err
	})
	if err == nil && n == 0 {
		err = errEmpty
	}
	return err
}

// maxSeen bounds the memory for blocks that were seen.
const maxSeen = 500_000

// goKey is a block with its result.
type goKey struct {
	place string
	ran   bool
}

// block is one block of statements.
type block struct {
	place       string // with its file
	name        string
	first, last int64
	ran         bool
}

// goBlock reads NAME:LINE.COLUMN,LINE.COLUMN STATEMENTS COUNT.
func goBlock(line string) (b block, err error) {
	wrong := fmt.Errorf("%q is not like FILE:LINE.COLUMN,LINE.COLUMN STATEMENTS COUNT", limit(line, 200))
	fields := strings.Split(line, " ")
	if len(fields) < 3 {
		return b, wrong
	}
	b.place = strings.Join(fields[:len(fields)-2], " ")
	colon := strings.LastIndexByte(b.place, ':')
	if colon < 1 {
		return b, wrong
	}
	b.name = b.place[:colon]
	from, to, ok := strings.Cut(b.place[colon+1:], ",")
	if !ok {
		return b, wrong
	}
	from, _, _ = strings.Cut(from, ".")
	to, _, _ = strings.Cut(to, ".")
	if b.first, err = count(from); err != nil {
		return b, err
	}
	if b.last, err = count(to); err != nil {
		return b, err
	}
	if b.first < 1 || b.last < b.first || b.last > maxLine {
		return b, fmt.Errorf("lines %d to %d are not those of a block", b.first, b.last)
	}
	n, err := count(fields[len(fields)-1])
	b.ran = n > 0
	return b, err
}
