package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"slipway/spec/buildspec"
)

// maxBuildspec bounds what is read of a buildspec, in bytes.
const maxBuildspec = 1<<20 + 1

// learn reads the buildspec, and says in the log what it warns of and what of it is not there yet. What can't be left
// out fails the build.
func (b *build) learn(ctx context.Context) error {
	name, text, err := b.readSpec(ctx)
	if err != nil {
		return &phaseError{code: yamlError, err: err}
	}
	b.log.say("YAML location is %s", name)
	if s := b.order.Build.Source; s != nil {
		if file, job, ok := workflowPath(value(s.Buildspec)); ok {
			return b.learnWorkflow(file, job, name, text)
		}
	}
	var warnings buildspec.Errors
	b.spec, warnings, err = buildspec.Validate(name, text)
	for _, w := range warnings {
		b.log.say("WARNING: %s", w)
	}
	if err != nil {
		return &phaseError{code: yamlError, err: err}
	}
	var refused []string
	for _, u := range b.spec.Unsupported() {
		line := fmt.Sprintf("%s:%d:%d: %s is not supported yet: %s", name, u.Line, u.Column, u.What, u.Why)
		b.log.say("%s", line)
		if u.Refuse {
			refused = append(refused, line)
		}
	}
	if len(refused) > 0 {
		return fail(clientError, "%s", strings.Join(refused, "\n"))
	}
	return nil
}

// readSpec returns the buildspec and its name: the text of the order itself, an object, or a file of the source.
func (b *build) readSpec(ctx context.Context) (string, []byte, error) {
	given := ""
	if s := b.order.Build.Source; s != nil {
		given = value(s.Buildspec)
	}
	if Inline(given) {
		return "buildspec", []byte(given), nil
	}
	if rest, ok := strings.CutPrefix(given, "arn:aws:s3:::"); ok {
		bucket, key, _ := strings.Cut(rest, "/")
		var text strings.Builder
		if b.objects == nil {
			return "", nil, errors.New("a buildspec in a bucket needs a server")
		}
		err := b.objects.get(ctx, bucket, key, "", &text, maxBuildspec)
		return given, []byte(text.String()), err
	}
	if given == "" {
		given = "buildspec.yml"
	}
	if file, _, ok := workflowPath(given); ok {
		given = file
	}
	if b.findSpec != nil {
		return b.findSpec()
	}
	dir, err := b.space.folder(b.space.place.Source)
	if err != nil {
		return "", nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", nil, err
	}
	defer root.Close()
	name := path.Join(b.space.place.Source, given)
	missing := fmt.Errorf("stat %s: no such file or directory", name) // CodeBuild's words
	inside := strings.TrimPrefix(path.Clean(given), "./")
	if !fs.ValidPath(inside) {
		return "", nil, fmt.Errorf("the buildspec's path %q leads out of the source; give one inside it", given)
	}
	f, _, err := openRegular(root, inside)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, missing
	} else if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBuildspec))
	return name, text, err
}

// Inline tells whether a project's buildspec is the text itself, and not a path or an ARN.
func Inline(buildspec string) bool {
	s := strings.TrimSpace(buildspec)
	return strings.ContainsRune(s, '\n') || strings.HasPrefix(s, "{") || strings.HasPrefix(s, "version:") ||
		strings.HasPrefix(s, "---")
}
