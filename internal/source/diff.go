package source

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	cc "slipway/api/codecommit"
	"slipway/api/slipway"
)

const (
	// diffLines is how many lines a diff has at most, unless asked otherwise.
	diffLines = 500
	// maxDiffFiles limits the files of a diff.
	maxDiffFiles = 500
	// maxDiffLine limits the bytes of a line that are returned.
	maxDiffLine = 1000
)

// GetDiff implements slipway:GetDiff. It compares a commit line by line with another one, or with its first parent. The
// answer begins with the files and their counts. It then has at most maxLines lines, in the order of the files, or of a
// single path if one is given.
func (s *Service) GetDiff(ctx context.Context, in *slipway.GetDiffInput) (*slipway.GetDiffOutput, error) {
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	after, err := r.commit(ctx, in.AfterCommitSpecifier)
	if err != nil {
		return nil, err
	}
	before, err := r.before(ctx, after, in.BeforeCommitSpecifier)
	if err != nil {
		return nil, err
	}
	args := []string{"diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv"}
	what := []string{before, after, "--"}
	if in.Path != nil {
		clean, ok := cleanPath(*in.Path)
		if !ok {
			return nil, &cc.InvalidPathException{Message: *in.Path + " is no path in a repository."}
		}
		what = append(what, ":(literal)"+clean)
	}
	counts, err := r.run(ctx, nil, append(append(append([]string{}, args...), "-z", "--raw", "--numstat"), what...)...)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetDiffOutput{
		AfterCommitId: &after,
		Files:         parseCounts(string(counts)),
		AddedLines:    new(int64),
		RemovedLines:  new(int64),
	}
	if before != emptyTree {
		out.BeforeCommitId = &before
	}
	out.TotalFiles = new(int32(len(out.Files)))
	for _, f := range out.Files {
		*out.AddedLines += int64(*f.AddedLines)
		*out.RemovedLines += int64(*f.RemovedLines)
	}
	out.Truncated = new(len(out.Files) > maxDiffFiles)
	out.Files = out.Files[:min(maxDiffFiles, len(out.Files))]
	lines := diffLines
	if in.MaxLines != nil {
		lines = int(*in.MaxLines)
	}
	if lines == 0 || len(out.Files) == 0 {
		return out, nil
	}
	cut, err := r.patch(ctx, append(append(args, "-p", "--no-color", "--full-index"), what...), out.Files, lines)
	*out.Truncated = *out.Truncated || cut
	return out, err
}

// before returns the commit to compare with: the one asked for, else the first parent, else nothing.
func (r *repository) before(ctx context.Context, after string, asked *string) (string, error) {
	if asked != nil {
		return r.commit(ctx, asked)
	}
	c, err := r.read(ctx, after)
	if err != nil {
		return "", err
	}
	if len(c.Parents) == 0 {
		return emptyTree, nil
	}
	return c.Parents[0], nil
}

// patch reads the lines of a diff into its files, which come in the same order. It stops git once it has enough.
func (r *repository) patch(ctx context.Context, args []string, files []slipway.DiffFile,
	most int) (cut bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := r.command(ctx, args...)
	pipe, err := c.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := c.Start(); err != nil {
		return false, err
	}
	p := patch{files: files, left: most}
	cut, err = p.read(bufio.NewReaderSize(pipe, 64<<10))
	if cut || err != nil {
		stop()
		_ = c.Wait() // it was killed
		return cut, err
	}
	return false, c.Wait()
}

// patch is a unified diff that is being read.
type patch struct {
	files         []slipway.DiffFile
	at            int // the next file
	file          *slipway.DiffFile
	before, after int // lines of the hunk that are still to come
	left          int
	twice         bool
}

// read takes lines until there are enough.
func (p *patch) read(in *bufio.Reader) (cut bool, err error) {
	for {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !p.take(line) {
			return true, nil
		}
	}
}

// readLine reads a line without its end. It returns the beginning of a line that is very long.
func readLine(in *bufio.Reader) (string, error) {
	part, isPrefix, err := in.ReadLine()
	if err != nil {
		return "", err
	}
	line := string(part[:min(len(part), maxDiffLine+1)])
	for isPrefix {
		if _, isPrefix, err = in.ReadLine(); err != nil {
			return "", err
		}
	}
	return line, nil
}

// take adds one line. It reports false once there are enough.
func (p *patch) take(line string) bool {
	inHunk := p.before > 0 || p.after > 0
	begins := !inHunk && strings.HasPrefix(line, "@@ ")
	switch {
	case !inHunk && strings.HasPrefix(line, "diff --git "):
		return p.next()
	case p.file == nil:
	case (begins || inHunk && !strings.HasPrefix(line, `\`)) && p.left <= 0:
		p.file.Truncated = new(true)
		return false
	case begins:
		p.hunk(line)
	case strings.HasPrefix(line, `\`): // "\ No newline at end of file"
		p.noNewline()
	case inHunk:
		p.line(line)
	}
	return true
}

// next begins the next file. It reports false if there is none.
func (p *patch) next() bool {
	if p.file != nil && p.file.Change == slipway.DiffChangeTypeChanged && !p.twice {
		p.twice = true // git removes the old file and adds the new one
		return true
	}
	p.twice = false
	if p.at == len(p.files) {
		return false
	}
	p.file = &p.files[p.at]
	p.at++
	p.file.Hunks = []slipway.DiffHunk{}
	return true
}

// noNewline marks the last line as one without a newline at its end.
func (p *patch) noNewline() {
	if n := len(p.file.Hunks); n > 0 {
		if lines := p.file.Hunks[n-1].Lines; len(lines) > 0 {
			lines[len(lines)-1].NoNewline = new(true)
		}
	}
}

// hunk reads "@@ -1,2 +3,4 @@ heading".
func (p *patch) hunk(line string) {
	ranges, heading, _ := strings.Cut(strings.TrimPrefix(line, "@@ "), " @@")
	before, after, _ := strings.Cut(ranges, " ")
	h := slipway.DiffHunk{Heading: new(printableLine(strings.TrimSpace(heading))), Lines: []slipway.DiffLine{}}
	var from int
	from, p.before = numbers(strings.TrimPrefix(before, "-"))
	h.BeforeLine = new(int32(from))
	from, p.after = numbers(strings.TrimPrefix(after, "+"))
	h.AfterLine = new(int32(from))
	p.file.Hunks = append(p.file.Hunks, h)
}

// numbers reads "36,9", or "36" for one line.
func numbers(s string) (from, count int) {
	a, b, ok := strings.Cut(s, ",")
	from, _ = strconv.Atoi(a)
	if !ok {
		return from, 1
	}
	count, _ = strconv.Atoi(b)
	return from, count
}

func (p *patch) line(line string) {
	kind := slipway.DiffLineKindContext
	switch {
	case strings.HasPrefix(line, "+"):
		kind = slipway.DiffLineKindAdded
		p.after--
	case strings.HasPrefix(line, "-"):
		kind = slipway.DiffLineKindRemoved
		p.before--
	default:
		p.before--
		p.after--
	}
	h := &p.file.Hunks[len(p.file.Hunks)-1]
	h.Lines = append(h.Lines, slipway.DiffLine{Kind: kind, Text: new(printableLine(line[min(1, len(line)):]))})
	p.left--
}

// printableLine returns a line in a form that JSON can hold.
func printableLine(s string) string {
	if len(s) > maxDiffLine {
		s = s[:maxDiffLine] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

// parseCounts reads the output of --raw and --numstat with -z: first ":MODE MODE OLD NEW STATUS\0PATH\0", then
// "ADDED\tREMOVED\tPATH\0". A rename has two paths, with an empty one before them in the second list.
func parseCounts(text string) []slipway.DiffFile {
	fields := strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
	files := []slipway.DiffFile{}
	i := 0
	for ; i+1 < len(fields) && strings.HasPrefix(fields[i], ":"); i += 2 {
		meta := strings.Fields(fields[i])
		f := slipway.DiffFile{
			Path:         &fields[i+1],
			Change:       changes[meta[len(meta)-1][:1]],
			Binary:       new(false),
			AddedLines:   new(int32),
			RemovedLines: new(int32),
			Truncated:    new(false),
		}
		if f.Change == slipway.DiffChangeRenamed || f.Change == slipway.DiffChangeCopied {
			if i+2 >= len(fields) {
				break
			}
			f.BeforePath, f.Path = &fields[i+1], &fields[i+2]
			i++
		}
		files = append(files, f)
	}
	for at := 0; i < len(fields) && at < len(files); i, at = i+1, at+1 {
		parts := strings.SplitN(fields[i], "\t", 3)
		if len(parts) != 3 {
			break
		}
		if parts[2] == "" {
			i += 2
		}
		if parts[0] == "-" {
			*files[at].Binary = true
			continue
		}
		added, _ := strconv.ParseInt(parts[0], 10, 32)
		removed, _ := strconv.ParseInt(parts[1], 10, 32)
		*files[at].AddedLines, *files[at].RemovedLines = int32(added), int32(removed)
	}
	for _, f := range files {
		*f.Path = strings.ToValidUTF8(*f.Path, "�")
	}
	return files
}

var changes = map[string]slipway.DiffChange{"A": slipway.DiffChangeAdded, "M": slipway.DiffChangeModified,
	"D": slipway.DiffChangeDeleted, "R": slipway.DiffChangeRenamed,
	"C": slipway.DiffChangeCopied, "T": slipway.DiffChangeTypeChanged}
