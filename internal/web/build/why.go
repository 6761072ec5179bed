package build

import (
	"fmt"

	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// placeHref leads to the place in the source where something is wrong, as the commit has it; "" where the tool named
// no file of it.
func placeHref(b *buildView) string {
	f, c := b.Why.Finding, b.Change
	if f == nil || kit.Text(f.SourceFile) == "" || c.Repository == "" || c.Commit == "" {
		return ""
	}
	href := kit.FilePath(c.Repository, c.Commit, *f.SourceFile)
	if f.Line != nil {
		href += fmt.Sprintf("&from=%d#L%d", max(1, *f.Line-linesAbove), *f.Line)
	}
	return href
}

// linesAbove is how many lines of a file are shown above the one that is wrong.
const linesAbove = 20

func linesTitle(why *view.Explanation) string {
	if why.Finding != nil {
		return "Where it says so"
	}
	return "First error lines"
}
