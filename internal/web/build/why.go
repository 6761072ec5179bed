package build

import (
	"fmt"
	"path"
	"strings"

	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// placeHref leads to the place in the source where something is wrong, as the commit has it; "" where the tool named no
// file of it.
func placeHref(b *buildView) string {
	file, c := view.SourceFile(b.Why.Finding), b.Change
	if file == "" || path.IsAbs(file) || strings.HasPrefix(file, "../") || c.Repository == "" || c.Commit == "" {
		return ""
	}
	href := kit.FilePath(c.Repository, c.Commit, file)
	if line := b.Why.Finding.Line; line != nil {
		href += fmt.Sprintf("&from=%d#L%d", max(1, *line-linesAbove), *line)
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
