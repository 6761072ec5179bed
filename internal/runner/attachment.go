package runner

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"unicode"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
	"slipway/spec/testreport"
)

// ReportFiles is implemented by identities that can keep what the tests of a build have left. It is kept under the
// SHA-256 of its bytes.
type ReportFiles interface {
	PutReportFile(ctx context.Context, report string, body awsproto.Body) error
}

// PutReportFile implements ReportFiles.
func (r *roleIdentity) PutReportFile(ctx context.Context, report string, body awsproto.Body) error {
	q := url.Values{"id": {r.id}, "runner": {r.runner}, "report": {report}}
	resp, err := r.client.Send(ctx, slipway.Info(), http.MethodPut, slipway.ReportFilePath, q, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func flaky(tests []testreport.Test) (all []slipway.TestName) {
	for _, t := range tests {
		all = append(all, slipway.TestName{Prefix: t.Prefix, Name: t.Name})
	}
	return all
}

// attachment is a file that a test has left.
type attachment struct {
	testreport.Test
	name string
	open func() (*os.File, fs.FileInfo, error)
}

// attachments hands over what the tests of a report have left: the files that the report names, then those that match
// the buildspec's patterns. One that cannot be is said in the log, and fails nothing.
func (b *build) attachments(ctx context.Context, r buildspec.Report, results *testreport.Results) []slipway.ReportFile {
	all := b.named(r, results)
	named := len(all)
	matched, release, err := b.matched(ctx, r, results)
	defer release()
	if err != nil {
		b.log.say("The attachments of the report %s cannot be found: %s", r.Name, err)
	}
	all = append(all, matched...)
	var files []slipway.ReportFile
	seen := map[string]bool{}
	total, failed := int64(0), 0
	for i, a := range all {
		if len(files) == testreport.MaxAttachments {
			b.log.say("The report %s has %d files of tests; %d are kept", r.Name, len(all), len(files))
			break
		}
		f, err := b.attach(ctx, r.Name, a, slipway.MaxReportFiles-total)
		file := value(f.Path) + "\x00" + value(f.Sha256)
		key := a.Prefix + "\x00" + a.Name + "\x00" + file
		switch {
		case err != nil:
			if failed++; failed <= 5 {
				b.log.say("A file of the report %s is not kept: %s", r.Name, err)
			}
		case i >= named && seen[file], seen[key]: // a pattern also finds what a test has named
		default:
			seen[file], seen[key] = true, true
			total += *f.Size
			files = append(files, f)
		}
	}
	if failed > 5 {
		b.log.say("%d more files of the report %s are not kept", failed-5, r.Name)
	}
	return files
}

// named are the files that a report names. Tools write paths relative to the folder in which they ran, or in which the
// report is.
func (b *build) named(r buildspec.Report, results *testreport.Results) (all []attachment) {
	source := b.space.place.Source
	base := r.BaseDirectory
	if !path.IsAbs(base) {
		base = path.Join(source, base)
	}
	for _, a := range results.Attachments {
		name, places := a.Path, []string{a.Path}
		if path.IsAbs(a.Path) {
			name = strings.TrimPrefix(a.Path, source+"/")
		} else {
			places = nil
			for _, dir := range []string{source, base, path.Join(base, path.Dir(a.File))} {
				places = append(places, path.Join(dir, a.Path))
			}
		}
		all = append(all, attachment{a.Test, name, func() (file *os.File, info fs.FileInfo, err error) {
			for _, place := range places { // the first that has it counts
				if file, info, err = b.openAt(place); err == nil {
					break
				}
			}
			return file, info, err
		}})
	}
	return all
}

// matched are the files that the buildspec's patterns find. Each is of the test whose name its path has, as tools name
// their pictures; where none is, of the report.
func (b *build) matched(ctx context.Context, r buildspec.Report,
	results *testreport.Results) (all []attachment, release func(), err error) {
	files, release, err := b.space.find(ctx, selection{base: r.BaseDirectory, files: r.Attachments})
	if err != nil {
		return nil, release, err
	}
	owner := owners(results)
	for _, f := range files[:min(len(files), 2*testreport.MaxAttachments)] {
		all = append(all, attachment{owner(f.name), f.name, func() (*os.File, fs.FileInfo, error) {
			return openRegular(f.root, f.path)
		}})
	}
	return all, release, nil
}

// minName is how many letters and digits a test's name must have to be looked for in paths.
const minName = 4

// owners returns what finds the test that a path names: the one with the longest name in it, first among those that
// failed.
func owners(results *testreport.Results) func(string) testreport.Test {
	type known struct {
		testreport.Test
		letters string
		bad     bool
	}
	var tests []known
	for _, c := range results.Cases {
		k := known{testreport.Test{Prefix: value(c.Prefix), Name: value(c.Name)}, lettersOf(value(c.Name)), false}
		k.bad = *c.Status == testreport.Failed || *c.Status == testreport.Error
		if len(k.letters) >= minName {
			tests = append(tests, k)
		}
	}
	return func(name string) (found testreport.Test) {
		letters, best := lettersOf(name), known{}
		for _, k := range tests {
			longer := len(k.letters) > len(best.letters) || len(k.letters) == len(best.letters) && k.bad && !best.bad
			if longer && strings.Contains(letters, k.letters) {
				best = k
			}
		}
		return best.Test
	}
}

// lettersOf are the letters and digits of a text, in small letters.
func lettersOf(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, s)
}

// attach reads a file and hands it to the server, where there is one.
func (b *build) attach(ctx context.Context, report string, a attachment, room int64) (f slipway.ReportFile, err error) {
	file, info, err := a.open()
	if errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("%s is not there", a.name)
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w", a.name, err)
	}
	defer file.Close()
	if size := info.Size(); size > min(slipway.MaxReportFile, room) {
		return f, fmt.Errorf("%s has %d bytes; a file may have %d, and all of a build %d", a.name, size,
			slipway.MaxReportFile, slipway.MaxReportFiles)
	}
	sum := sha256.New()
	var start firstBytes
	size, err := io.Copy(io.MultiWriter(sum, &start), under{ctx, io.LimitReader(file, info.Size())})
	if err != nil {
		return f, fmt.Errorf("%s: %w", a.name, err)
	}
	hash := hex.EncodeToString(sum.Sum(nil))
	f = slipway.ReportFile{
		Prefix: &a.Prefix, Name: &a.Name, Path: &a.name, Size: &size, Sha256: &hash,
		ContentType: new(typeOf(a.name, start.b)),
	}
	keep, ok := b.Identity.(ReportFiles)
	if !ok { // nobody keeps it: it stays where it is
		return f, nil
	}
	return f, b.objects.persist(ctx, func() error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		body := awsproto.Body{Reader: under{ctx, io.LimitReader(file, size)}, Size: size, SHA256: hash}
		err := keep.PutReportFile(ctx, report, body)
		if err != nil && awsproto.Code(err) == "" {
			err = &awayError{err, false}
		}
		return err
	})
}

// openAt opens a regular file of the room by its path there. Links that lead out of the build's folders are not
// followed.
func (b *build) openAt(place string) (*os.File, fs.FileInfo, error) {
	dir, rest, err := b.space.room.Files(place)
	if err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	return openRegular(root, rest)
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ b []byte }

// sniffed is how many bytes tell what a file is.
const sniffed = 512

func (f *firstBytes) Write(p []byte) (int, error) {
	f.b = append(f.b, p[:min(len(p), sniffed-len(f.b))]...)
	return len(p), nil
}

// typeOf is the type of a file, by its bytes; texts are told apart by their names.
func typeOf(name string, start []byte) string {
	kind := http.DetectContentType(start)
	if !strings.HasPrefix(kind, "text/plain") {
		return kind
	}
	return cmp.Or(map[string]string{
		".md": "text/markdown; charset=utf-8", ".json": "application/json", ".html": "text/html; charset=utf-8",
		".har": "application/json", ".csv": "text/csv; charset=utf-8",
	}[strings.ToLower(path.Ext(name))], kind)
}
