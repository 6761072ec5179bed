// Package diff shows the difference of two commits.
package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// fileDiff is what a change does to a file, as a page shows it.
type fileDiff struct {
	slipway.DiffFile
	ID    string
	Hunks []hunkDiff
	Cut   bool   // there are more lines than are shown
	Href  string // this file alone; "" if that is what is shown
}

type hunkDiff struct {
	Say  string
	Rows []rowDiff
}

// rowDiff is a line before, after, or both.
type rowDiff struct {
	Before, After int // its numbers, 0 on a side that does not have it
	Kind          slipway.DiffLineKind
	Parts         []part
	NoNewline     bool
}

// part is a piece of a line; Changed is what differs from the line on the other side.
type part struct {
	Text    string
	Changed bool
}

const (
	// diffBytes bounds what a page shows of a diff, in bytes of HTML, about.
	diffBytes = 40 << 10
	// rowBytes is about what a row takes besides its text.
	rowBytes = 110
	// shownLine is how much of a line is shown, in bytes.
	shownLine = 400
)

// MakeDiff lays the files of a diff out, until the page is full. href makes the address of one file's diff.
func MakeDiff(files []slipway.DiffFile, href func(path string) string) []fileDiff {
	var all []fileDiff
	left := diffBytes
	for i, f := range files {
		d := fileDiff{
			DiffFile: f,
			ID:       fmt.Sprintf("f%d", i+1),
			Href:     href(kit.Text(f.Path)),
			Cut:      f.Truncated != nil && *f.Truncated,
		}
		d.Cut = d.Cut || left <= 0 && len(f.Hunks) > 0 || f.Hunks == nil && changedLines(f) > 0
		for _, h := range f.Hunks {
			if left <= 0 {
				d.Cut = true
				break
			}
			d.Hunks = append(d.Hunks, makeHunk(h, &left, &d.Cut))
		}
		all = append(all, d)
	}
	return all
}

func changedLines(f slipway.DiffFile) int32 {
	return kit.Number32(f.AddedLines) + kit.Number32(f.RemovedLines)
}

func makeHunk(h slipway.DiffHunk, left *int, cut *bool) hunkDiff {
	before, after := int(kit.Number32(h.BeforeLine)), int(kit.Number32(h.AfterLine))
	out := hunkDiff{}
	for _, l := range h.Lines {
		if *left <= 0 {
			*cut = true
			break
		}
		row := rowDiff{
			Kind:      l.Kind,
			Parts:     []part{{Text: kit.Shorten(kit.Text(l.Text), shownLine)}},
			NoNewline: l.NoNewline != nil && *l.NoNewline,
		}
		if l.Kind != slipway.DiffLineKindAdded {
			row.Before = before
			before++
		}
		if l.Kind != slipway.DiffLineKindRemoved {
			row.After = after
			after++
		}
		*left -= rowBytes + len(row.Parts[0].Text)
		out.Rows = append(out.Rows, row)
	}
	out.Say = fmt.Sprintf("Lines %d to %d", kit.Number32(h.AfterLine), max(after-1, int(kit.Number32(h.AfterLine))))
	if heading := kit.Text(h.Heading); heading != "" {
		out.Say += ", in " + kit.Shorten(heading, 100)
	}
	markWords(out.Rows)
	return out
}

// markWords marks what differs in lines that were replaced by as many others.
func markWords(rows []rowDiff) {
	for i := 0; i < len(rows); {
		removed := i
		for removed < len(rows) && rows[removed].Kind == slipway.DiffLineKindRemoved {
			removed++
		}
		added := removed
		for added < len(rows) && rows[added].Kind == slipway.DiffLineKindAdded {
			added++
		}
		if n := removed - i; n > 0 && added-removed == n {
			for j := range n {
				rows[i+j].Parts, rows[removed+j].Parts = differing(rows[i+j].Parts[0].Text,
					rows[removed+j].Parts[0].Text)
			}
		}
		i = max(added, i+1)
	}
}

// differing splits two lines into what they begin and end with alike, and what differs between; lines that have
// little in common stay whole.
func differing(a, b string) (as, bs []part) {
	head := sameHead(a, b)
	tail := sameTail(a[head:], b[head:])
	common := len(strings.TrimSpace(a[:head])) + len(strings.TrimSpace(a[len(a)-tail:]))
	if 3*common < max(len(strings.TrimSpace(a)), len(strings.TrimSpace(b))) {
		return []part{{Text: a}}, []part{{Text: b}}
	}
	split := func(s string) (all []part) {
		for _, p := range []part{{s[:head], false}, {s[head : len(s)-tail], true}, {s[len(s)-tail:], false}} {
			if p.Text != "" {
				all = append(all, p)
			}
		}
		return all
	}
	return split(a), split(b)
}

// sameHead is how many bytes two texts begin with alike, whole characters of both.
func sameHead(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}

// sameTail is how many bytes two texts end with alike, whole characters of both.
func sameTail(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	for n > 0 && (!utf8.RuneStart(a[len(a)-n]) || !utf8.RuneStart(b[len(b)-n])) {
		n--
	}
	return n
}

// FolderDiff is how much a change does in a folder.
type FolderDiff struct {
	Name           string
	Files          int
	Added, Removed int32
	// Of a bar that is 100 wide.
	AddedWidth, RemovedAt, RemovedWidth string
}

// mostFolders is how many folders are told apart.
const mostFolders = 6

// Folders sums a diff up by the folders of its files, those that change most first. One file alone is named.
func Folders(files []slipway.DiffFile) []FolderDiff {
	byName := map[string]*FolderDiff{}
	var all []*FolderDiff
	for _, f := range files {
		name := kit.Text(f.Path)
		if i := strings.LastIndexByte(name, '/'); i >= 0 && len(files) > mostFolders {
			name = name[:i+1]
		}
		d := byName[name]
		if d == nil {
			d = &FolderDiff{Name: name}
			byName[name] = d
			all = append(all, d)
		}
		d.Files++
		d.Added += kit.Number32(f.AddedLines)
		d.Removed += kit.Number32(f.RemovedLines)
	}
	slices.SortStableFunc(all, func(a, b *FolderDiff) int { return cmp.Compare(b.Added+b.Removed, a.Added+a.Removed) })
	if len(all) > mostFolders {
		rest := FolderDiff{Name: fmt.Sprintf("%d other places", len(all)-mostFolders+1)}
		for _, d := range all[mostFolders-1:] {
			rest.Files += d.Files
			rest.Added += d.Added
			rest.Removed += d.Removed
		}
		all = append(all[:mostFolders-1], &rest)
	}
	var most int32 = 1
	for _, d := range all {
		most = max(most, d.Added+d.Removed)
	}
	var out []FolderDiff
	for _, d := range all {
		added, removed := 100*float64(d.Added)/float64(most), 100*float64(d.Removed)/float64(most)
		d.AddedWidth, d.RemovedAt, d.RemovedWidth = kit.Decimal(added), kit.Decimal(added), kit.Decimal(removed)
		out = append(out, *d)
	}
	return out
}
