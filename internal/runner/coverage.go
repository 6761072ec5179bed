package runner

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"slipway/api/slipway"
	"slipway/spec/testreport"
)

// maxCoverage bounds what is kept of the files of one report in bytes, so that the reports of a build fit into a
// request: their names and sums, and as much again for the numbers of their lines.
const maxCoverage = 1 << 20

// coverage makes what is sent of the files of a report: the files with the most missed lines, if there are too many.
func coverage(files []testreport.CoveredFile) (out *slipway.Coverage, truncated bool) {
	out = &slipway.Coverage{}
	slices.SortStableFunc(files, func(a, b testreport.CoveredFile) int {
		return cmp.Compare(b.LinesMissed, a.LinesMissed)
	})
	names, lines := 0, 0
	for _, f := range files {
		one := slipway.FileCoverage{Path: f.Path, Sums: slipway.Sums{
			LinesCovered:    f.LinesCovered,
			LinesMissed:     f.LinesMissed,
			BranchesCovered: f.BranchesCovered,
			BranchesMissed:  f.BranchesMissed,
		}}
		addSums(&out.Sums, one.Sums)
		if names += len(f.Path) + 128; names > maxCoverage {
			truncated = true
			continue
		}
		covered, missed := f.Covered.String(), f.Missed.String()
		if n := len(covered) + len(missed); lines+n <= maxCoverage {
			one.Covered, one.Missed = covered, missed
			lines += n
		}
		out.Files = append(out.Files, one)
	}
	return out, truncated
}

func addSums(to *slipway.Sums, s slipway.Sums) {
	add := func(to *int32, n int32) { *to = int32(min(int64(*to)+int64(n), math.MaxInt32)) }
	add(&to.LinesCovered, s.LinesCovered)
	add(&to.LinesMissed, s.LinesMissed)
	add(&to.BranchesCovered, s.BranchesCovered)
	add(&to.BranchesMissed, s.BranchesMissed)
}

// coverageSummary says in a line how much was covered.
func coverageSummary(c *slipway.Coverage) string {
	s := share(c.LinesCovered, c.LinesMissed, "lines")
	if c.BranchesCovered+c.BranchesMissed > 0 {
		s += ", " + share(c.BranchesCovered, c.BranchesMissed, "branches")
	}
	return s
}

func share(covered, missed int32, what string) string {
	total := int64(covered) + int64(missed)
	if total == 0 {
		return "no " + what
	}
	return fmt.Sprintf("%.1f %% of %d %s covered", 100*float64(covered)/float64(total), total, what)
}
