package testreport

import (
	"fmt"
	"strconv"
	"strings"
)

// Lines are numbers of lines in ascending order, as ranges. As a text they are like 3-5,9.
type Lines []Range

// Range are lines that follow one another, the last included.
type Range struct{ First, Last int }

// Count is how many lines there are.
func (l Lines) Count() (n int) {
	for _, r := range l {
		n += r.Last - r.First + 1
	}
	return n
}

// Add adds a line behind all others.
func (l *Lines) Add(n int) {
	if i := len(*l) - 1; i >= 0 && (*l)[i].Last == n-1 {
		(*l)[i].Last = n
		return
	}
	*l = append(*l, Range{n, n})
}

// String implements fmt.Stringer.
func (l Lines) String() string {
	var text []byte
	for i, r := range l {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(r.First), 10)
		if r.Last > r.First {
			text = append(text, '-')
			text = strconv.AppendInt(text, int64(r.Last), 10)
		}
	}
	return string(text)
}

// ParseLines reads what String writes.
func ParseLines(text string) (l Lines, err error) {
	if text == "" {
		return nil, nil
	}
	end := 0
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		r := Range{}
		if r.First, err = strconv.Atoi(first); err == nil {
			r.Last = r.First
			if isRange {
				r.Last, err = strconv.Atoi(last)
			}
		}
		if err != nil || r.First <= end || r.Last < r.First || r.Last > maxLine {
			return nil, fmt.Errorf("%q is no list of lines such as 3-5,9", limit(text, 60))
		}
		l, end = append(l, r), r.Last
	}
	return l, nil
}

// Has tells whether a line is one of these.
func (l Lines) Has(n int) bool {
	low, high := 0, len(l)
	for low < high {
		if mid := (low + high) / 2; l[mid].Last < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low < len(l) && l[low].First <= n
}
