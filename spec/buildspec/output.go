package buildspec

import (
	"path"
	"slices"
	"strings"

	"slipway/spec/testreport"
)

// Coverage tells whether a report's format is of code coverage; all others are of tests.
func (r Report) Coverage() bool { return testreport.IsCoverage(r.Format) }

// maxReports is how many report groups a build can have.
const maxReports = 5

func (r *reader) reports(s *Spec, m member) {
	ms := r.members(m.value, "reports")
	if len(ms) > maxReports {
		r.fail(ms[maxReports].Place, "reports has %d report groups; there may be %d", len(ms), maxReports)
	}
	for _, m := range ms {
		p := Report{Place: m.Place, Name: m.key, Format: "JUNITXML"}
		where := "reports." + m.key
		r.keys(r.members(m.value, where), where, map[string]func(member){
			"files":          func(m member) { p.Files = r.paths(m, where+".files") },
			"base-directory": func(m member) { p.BaseDirectory = r.inside(m, where+".base-directory") },
			"discard-paths":  func(m member) { p.DiscardPaths = r.flag(m, where+".discard-paths") },
			// Beyond AWS: what tests leave, such as pictures, videos and traces of a browser.
			"attachments": func(m member) { p.Attachments = r.paths(m, where+".attachments") },
			"file-format": func(m member) {
				written := r.scalar(m, where+".file-format")
				p.Format = strings.ToUpper(written)
				if !testreport.Supported(p.Format) {
					r.fail(m.at, "%s.file-format must be one of %s, not %s", where,
						strings.Join(testreport.Formats(), ", "), quote(written))
				}
			},
		})
		if len(p.Files) == 0 {
			r.fail(m.Place, "%s has no files: name the files that hold the results", where)
		}
		s.Reports = append(s.Reports, p)
	}
}

func (r *reader) artifacts(s *Spec, m member) {
	a := &Artifacts{}
	s.Artifacts = a
	r.artifact(&a.Artifact, m, "artifacts", func(m member) {
		for _, m := range r.members(m.value, "artifacts.secondary-artifacts") {
			x := Artifact{Identifier: m.key}
			if !isIdentifier(m.key) {
				r.fail(m.Place, "the identifier %s must have letters, digits and _ only, at most 128", quote(m.key))
			}
			r.artifact(&x, m, "artifacts.secondary-artifacts."+m.key, nil)
			a.Secondary = append(a.Secondary, x)
		}
	})
}

func (r *reader) artifact(a *Artifact, m member, where string, secondary func(member)) {
	a.Place = m.Place
	known := map[string]func(member){
		"files":           func(m member) { a.Files = r.paths(m, where+".files") },
		"exclude-paths":   func(m member) { a.ExcludePaths = r.strings(m, where+".exclude-paths") },
		"name":            func(m member) { a.Name = r.scalar(m, where+".name") },
		"discard-paths":   func(m member) { a.DiscardPaths = r.flag(m, where+".discard-paths") },
		"base-directory":  func(m member) { a.BaseDirectory = r.scalar(m, where+".base-directory") },
		"enable-symlinks": func(m member) { a.EnableSymlinks = r.flag(m, where+".enable-symlinks") },
		"s3-prefix":       func(m member) { a.S3Prefix = r.scalar(m, where+".s3-prefix") },
		// Files from before 2017 have it; packaging is the project's since.
		"type": func(m member) {
			if t := r.scalar(m, where+".type"); !strings.EqualFold(t, "zip") {
				r.warn(m.at, "%s.type is ignored: packaging is the project's", where)
			}
		},
	}
	if secondary != nil {
		known["secondary-artifacts"] = secondary
	}
	ms := r.members(m.value, where)
	r.keys(ms, where, known)
	// The files of the primary artifact may be missing where there are secondary ones: the user guide's own example of
	// an action with several outputs has none.
	has := func(key string) bool { return slices.ContainsFunc(ms, func(m member) bool { return m.key == key }) }
	if !has("files") && (secondary == nil || !has("secondary-artifacts")) {
		r.fail(m.Place, "%s has no files: name the files that are put out, such as '**/*'", where)
	}
}

func (r *reader) paths(m member, what string) []string {
	out := r.strings(m, what)
	if len(out) == 0 && len(r.items(m, what, true)) == 0 {
		r.fail(m.at, "%s names no file", what)
	}
	return out
}

// inside reads a folder's path.
func (r *reader) inside(m member, what string) string { return path.Clean(r.scalar(m, what)) }

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}
