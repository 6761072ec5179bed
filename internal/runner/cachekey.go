package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"slipway/internal/runner/cache"
	"slipway/internal/runner/room"
)

const (
	hashFiles = "codebuild-hash-files"
	// keyText is the part of a key that is its own text.
	keyText = "the key's own text"
	// maxKeyOutput bounds what a command in a key may print, in bytes.
	maxKeyOutput = 4096
	// maxHashed bounds the files that a key is made of.
	maxHashed = 10_000
)

// keyMaker is a key of a buildspec's cache that is being made: variables and commands stand for what they say.
// Source: "Generate dynamic keys" in "Amazon S3 caching" of the AWS CodeBuild user guide.
type keyMaker struct {
	b     *build
	ctx   context.Context
	env   map[string]string
	text  string // as the buildspec has it
	out   strings.Builder
	form  strings.Builder // its own text, with … for the rest
	parts []cache.Part
}

// makeKey makes a key, and tells what it was made of.
func (b *build) makeKey(ctx context.Context, text string, env map[string]string) (string, []cache.Part, error) {
	word, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Document(strings.NewReader(text))
	if err != nil {
		return "", nil, err
	}
	k := &keyMaker{b: b, ctx: ctx, env: env, text: text}
	if word != nil {
		for _, p := range word.Parts {
			if err := k.part(p); err != nil {
				return "", nil, err
			}
		}
	}
	k.parts = append(k.parts, cache.Part{Name: keyText, Value: k.form.String()})
	key := k.out.String()
	switch {
	case key == "":
		return "", nil, errors.New("it is empty")
	case len(key) > cache.MaxKey:
		return "", nil, fmt.Errorf("it has %d bytes; it may have %d", len(key), cache.MaxKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", nil, fmt.Errorf("%q has characters that cannot be printed", key)
	case b.log.concealed(key) != key:
		return "", nil, errors.New("a secret is in it; keys are shown to whoever may see the project")
	}
	return key, k.parts, nil
}

// part adds what a part of the key stands for.
func (k *keyMaker) part(p syntax.WordPart) error {
	switch p := p.(type) {
	case *syntax.Lit:
		k.out.WriteString(p.Value)
		k.form.WriteString(p.Value)
		return nil
	case *syntax.ParamExp:
		return k.variable(p)
	case *syntax.CmdSubst:
		return k.command(p)
	}
	return fmt.Errorf("%q in it is neither text, a variable nor a command", k.source(p))
}

// source is a part as the buildspec has it.
func (k *keyMaker) source(n syntax.Node) string { return k.text[n.Pos().Offset():n.End().Offset()] }

// add adds a value. Of variables and commands a change is told by their own text.
func (k *keyMaker) add(name, value string) {
	k.out.WriteString(value)
	k.form.WriteString("…")
	if !slices.ContainsFunc(k.parts, func(p cache.Part) bool { return p.Name == name }) {
		sum := sha256.Sum256([]byte(value))
		k.parts = append(k.parts, cache.Part{Name: name, Value: hex.EncodeToString(sum[:])})
	}
}

func (k *keyMaker) config() *expand.Config {
	return &expand.Config{Env: expand.FuncEnviron(func(name string) string { return k.env[name] })}
}

func (k *keyMaker) variable(p *syntax.ParamExp) error {
	value, err := expand.Document(k.config(), &syntax.Word{Parts: []syntax.WordPart{p}})
	if err != nil {
		return err
	}
	k.add(k.source(p), value)
	return nil
}

// command runs a command of the key. The hash of files is the runner's own doing.
func (k *keyMaker) command(p *syntax.CmdSubst) error {
	text := k.source(p)
	if len(p.Stmts) == 1 {
		if call, ok := p.Stmts[0].Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 && call.Args[0].Lit() == hashFiles {
			if len(p.Stmts[0].Redirs) > 0 || len(call.Assigns) > 0 {
				return fmt.Errorf("%s: %s stands alone in a command", text, hashFiles)
			}
			patterns, err := expand.Fields(k.config(), call.Args[1:]...)
			if err != nil {
				return err
			}
			return k.hash(text, patterns)
		}
	}
	if strings.Contains(text, hashFiles) {
		return fmt.Errorf("%s: %s stands alone in a command", text, hashFiles)
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "$("), ")")
	inner = strings.Trim(inner, "`")
	place := k.b.space.place
	var out, said bytes.Buffer
	err := k.b.space.room.Run(k.ctx, room.Command{
		Args:   []string{"/bin/sh", "-c", exports(k.env) + "cd " + quoted(place.Source) + " || exit 1\n" + inner},
		Env:    baseEnvironment(),
		Stdout: &limitedBuffer{&out, maxKeyOutput},
		Stderr: &limitedBuffer{&said, maxKeyOutput},
	})
	if err != nil {
		return fmt.Errorf("%s: %w: %s", text, err, strings.TrimSpace(strings.ToValidUTF8(said.String(), "\uFFFD")))
	}
	k.add(text, strings.TrimRight(out.String(), "\n"))
	return nil
}

// hash adds the hash of the source's files that match patterns, in the order of their names. Each is a part of its own,
// so that it can be told which one changed.
func (k *keyMaker) hash(text string, patterns []string) error {
	if len(patterns) == 0 {
		return fmt.Errorf("%s: name a file or a pattern of files", text)
	}
	dir, err := k.b.space.folder(k.b.space.place.Source)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var names []string
	for _, pattern := range patterns {
		pattern = strings.TrimPrefix(pattern, k.b.space.place.Source+"/")
		g, err := newGlob(strings.TrimPrefix(path.Clean(pattern), "./"))
		if err != nil {
			return err
		}
		err = g.walk(k.ctx, root.FS(), func(name string, d fs.DirEntry) error {
			if d.Type().IsRegular() {
				names = append(names, name)
			}
			if len(names) > maxHashed {
				return fmt.Errorf("%s: more than %d files match", text, maxHashed)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	all := sha256.New()
	for _, name := range names {
		sum, err := hashOf(root, name)
		if err != nil {
			return err
		}
		_, _ = all.Write(sum)
		k.parts = append(k.parts, cache.Part{Name: name, Value: hex.EncodeToString(sum)})
	}
	if len(names) == 0 {
		k.b.log.say("cache: %s: no file matches", text)
		k.parts = append(k.parts, cache.Part{Name: text})
	}
	k.out.WriteString(hex.EncodeToString(all.Sum(nil)))
	k.form.WriteString("…")
	return nil
}

func hashOf(root *os.Root, name string) ([]byte, error) {
	f, _, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return sum.Sum(nil), err
}
