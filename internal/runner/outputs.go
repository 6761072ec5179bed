package runner

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/spec/buildspec"
)

// export reads the variables that the build hands on.
func (b *build) export(ctx context.Context) error {
	if b.flow != nil {
		return nil // they are the outputs of a job
	}
	b.result.Exported = nil
	for _, name := range b.spec.Env.Exported {
		v, err := b.shell.ask(ctx, `"${`+name+`-}"`)
		if err != nil {
			return fail(commandError, "Error while reading the exported variable %s. Reason: %w", name, err)
		}
		b.result.Exported = append(b.result.Exported,
			codebuild.ExportedEnvironmentVariable{Name: new(name), Value: new(v)})
	}
	return nil
}

// output puts out artifacts and reports.
func (b *build) output(ctx context.Context) error {
	a := b.spec.Artifacts
	if a != nil {
		a = &buildspec.Artifacts{Artifact: a.Artifact, Secondary: slices.Clone(a.Secondary)}
		if err := b.expand(ctx, &a.Artifact); err != nil {
			return err
		}
		for i := range a.Secondary {
			if err := b.expand(ctx, &a.Secondary[i]); err != nil {
				return err
			}
		}
	}
	reports := slices.Clone(b.spec.Reports)
	for i := range reports {
		r := &reports[i]
		if err := b.expandAll(ctx, append([]*string{&r.BaseDirectory}, pointers(r.Files)...)...); err != nil {
			return err
		}
	}
	b.shell.leave(limited(ctx))
	if len(reports) == 0 && a == nil && len(b.order.Outputs) == 0 && !b.cache.used() {
		b.shell.abandon() // nobody reads its files
		return nil
	}
	// From here on nothing of the build runs any more: its files stand still.
	b.shell.stop()
	if err := b.reports(ctx, reports); err != nil {
		return err
	}
	return b.artifacts(ctx, a)
}

// limited gives EXIT traps ten seconds.
func limited(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func (b *build) artifacts(ctx context.Context, a *buildspec.Artifacts) error {
	if b.deliver != nil {
		return b.deliver(b, ctx, a)
	}
	for _, o := range b.order.Outputs {
		var wanted *buildspec.Artifact
		switch {
		case a == nil:
		case o.Identifier == "" && len(a.Files) > 0:
			wanted = &a.Artifact
		case o.Identifier != "":
			if i := slices.IndexFunc(
				a.Secondary, func(s buildspec.Artifact) bool { return s.Identifier == o.Identifier }); i >= 0 {
				wanted = &a.Secondary[i]
			}
		}
		if wanted == nil {
			if o.Identifier == "" {
				return fail(clientError, "no artifacts are defined in the buildspec, but the project has some")
			}
			return fail(clientError, "the buildspec has no secondary artifact %s, but the project has", o.Identifier)
		}
		b.log.say("Uploading artifact %s", cmpName(o.Identifier))
		result, err := b.upload(ctx, o, *wanted)
		if err != nil && ctx.Err() == nil {
			return fail(clientError, "%w", err)
		} else if err != nil {
			return err
		}
		b.result.Artifacts = append(b.result.Artifacts, *result)
	}
	return nil
}

func cmpName(identifier string) string {
	if identifier == "" {
		return "(primary)"
	}
	return identifier
}

func pointers(s []string) []*string {
	out := make([]*string, len(s))
	for i := range s {
		out[i] = &s[i]
	}
	return out
}

// expand puts the shell's variables into an artifact's paths; its name is expanded as a shell does it, with commands
// too.
func (b *build) expand(ctx context.Context, a *buildspec.Artifact) error {
	a.Files, a.ExcludePaths = slices.Clone(a.Files), slices.Clone(a.ExcludePaths)
	if err := b.expandAll(ctx,
		slices.Concat(pointers(a.Files), pointers(a.ExcludePaths),
			[]*string{&a.BaseDirectory, &a.S3Prefix})...); err != nil {
		return err
	}
	if !strings.ContainsAny(a.Name, "$`") {
		return nil
	}
	const mark = "SLIPWAY_END_OF_NAME"
	name, err := b.shell.ask(ctx, "\"$(cat <<"+mark+"\n"+strings.ReplaceAll(a.Name, "\n", " ")+"\n"+mark+"\n)\"")
	if err != nil {
		return fail(clientError, "the artifact's name %q cannot be expanded: %w", a.Name, err)
	}
	a.Name = strings.TrimSpace(name)
	return nil
}

func (b *build) expandAll(ctx context.Context, texts ...*string) error {
	for _, t := range texts {
		var failed error
		*t = os.Expand(*t, func(name string) string {
			if !isName(name) {
				return "$" + name
			}
			v, err := b.shell.ask(ctx, `"${`+name+`-}"`)
			failed = errors.Join(failed, err)
			return v
		})
		if failed != nil {
			return fail(clientError, "%q cannot be expanded: %w", *t, failed)
		}
	}
	return nil
}
