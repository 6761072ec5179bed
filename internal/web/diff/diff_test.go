package diff

import (
	"strings"
	"testing"

	"slipway/api/slipway"
)

func TestWhatDiffersInALine(t *testing.T) {
	for _, c := range []struct{ a, b, as, bs string }{
		{"quarters := int64(stay / quarterHour)", "quarters := int64((stay + quarterHour - 1) / quarterHour)",
			"quarters := int64(stay / quarterHour)", "quarters := int64([(stay + quarterHour - 1)] / quarterHour)"},
		{"return 1", "return 2", "return [1]", "return [2]"},
		{"alpha", "omega", "alpha", "omega"},
		{"naïve", "naève", "na[ï]ve", "na[è]ve"},
		{"same", "same", "same", "same"},
		{"", "new", "", "new"},
		{"aa", "aaa", "aa", "aa[a]"},
	} {
		show := func(parts []part) string {
			var b strings.Builder
			for _, p := range parts {
				if p.Changed {
					b.WriteString("[" + p.Text + "]")
				} else {
					b.WriteString(p.Text)
				}
			}
			return b.String()
		}
		as, bs := differing(c.a, c.b)
		plain := strings.NewReplacer("[", "", "]", "")
		if plain.Replace(show(as)) != c.a || plain.Replace(show(bs)) != c.b {
			t.Errorf("%q, %q: %q, %q: something is lost", c.a, c.b, show(as), show(bs))
		}
		if c.as != c.a && show(as) != c.as || c.bs != c.b && show(bs) != c.bs {
			t.Errorf("%q, %q: %q, %q", c.a, c.b, show(as), show(bs))
		}
	}
}

// FuzzDiffering looks whether every line comes out whole.
func FuzzDiffering(f *testing.F) {
	f.Add("a", "b")
	f.Add("für", "fur")
	f.Fuzz(func(t *testing.T, a, b string) {
		as, bs := differing(a, b)
		for _, c := range []struct {
			line  string
			parts []part
		}{{a, as}, {b, bs}} {
			whole := ""
			for _, p := range c.parts {
				whole += p.Text
			}
			if whole != c.line {
				t.Errorf("%q came out as %q", c.line, whole)
			}
		}
	})
}

func TestDiffIsBounded(t *testing.T) {
	var lines []slipway.DiffLine
	for range 5000 {
		lines = append(lines, slipway.DiffLine{Kind: slipway.DiffLineKindAdded, Text: new(strings.Repeat("x", 900))})
	}
	file := slipway.DiffFile{
		Path:       new("big"),
		AddedLines: new(int32(5000)),
		Hunks:      []slipway.DiffHunk{{AfterLine: new(int32(1)), Lines: lines}},
	}
	got := MakeDiff([]slipway.DiffFile{file, file}, func(path string) string { return "/" + path })
	var shown int
	for _, r := range got[0].Hunks[0].Rows {
		shown += rowBytes + len(r.Parts[0].Text)
	}
	if shown > diffBytes+2*shownLine || !got[0].Cut || !got[1].Cut || len(got[1].Hunks) != 0 {
		t.Errorf("%d bytes are shown, cut %v, %v", shown, got[0].Cut, got[1].Cut)
	}
}

func TestFolders(t *testing.T) {
	file := func(path string, added, removed int32) slipway.DiffFile {
		return slipway.DiffFile{Path: &path, AddedLines: &added, RemovedLines: &removed}
	}
	few := Folders([]slipway.DiffFile{file("a/b.go", 1, 0), file("c.go", 5, 5)})
	if len(few) != 2 || few[0].Name != "c.go" || few[0].AddedWidth != "50.0" || few[0].RemovedAt != "50.0" ||
		few[1].AddedWidth != "10.0" {
		t.Errorf("%+v", few)
	}
	var many []slipway.DiffFile
	for _, dir := range []string{"a/", "b/", "c/", "d/", "e/", "f/", "g/", "a/"} {
		many = append(many, file(dir+"x", 1, 0))
	}
	got := Folders(many)
	if len(got) != mostFolders || got[0].Name != "a/" || got[0].Files != 2 || got[5].Name != "2 other places" ||
		got[5].Added != 2 {
		t.Errorf("%+v", got)
	}
}
