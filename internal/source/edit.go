package source

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	cc "slipway/api/codecommit"
)

const (
	maxEntries = 100 // files that one commit by the API may change
	gitkeep    = ".gitkeep"
)

var modeNumbers = map[cc.FileModeTypeEnum]string{
	cc.FileModeTypeEnumNormal:     "100644",
	cc.FileModeTypeEnumExecutable: "100755",
	cc.FileModeTypeEnumSymlink:    "120000",
}

// change is what a commit by the API asks for.
type change struct {
	put       []cc.PutFileEntry
	remove    []cc.DeleteFileEntry
	mode      []cc.SetFileModeEntry
	keepEmpty bool // a folder that loses its last file gets a .gitkeep
}

// edit is one path of the new commit. If content is nil, the blob with the ID exists already.
type edit struct {
	path, mode, id string
	content        []byte
	removed        bool
	before         *entry
}

// paths returns the paths that plan needs to know: those that change, the folders above them, and those that content is
// copied from.
func (c *change) paths() ([]string, error) {
	all := map[string]bool{}
	add := func(p *string, folders bool) error {
		if p == nil {
			return &cc.PathRequiredException{Message: "A file path is required."}
		}
		clean, err := filePath(*p)
		if err != nil {
			return err
		}
		*p = clean
		all[clean] = true
		for d := path.Dir(clean); folders && d != "."; d = path.Dir(d) {
			all[d] = true
		}
		return nil
	}
	for i := range c.put {
		if err := add(c.put[i].FilePath, true); err != nil {
			return nil, err
		}
		if f := c.put[i].SourceFile; f != nil {
			if err := add(f.FilePath, false); err != nil {
				return nil, err
			}
		}
	}
	for i := range c.remove {
		if err := add(c.remove[i].FilePath, true); err != nil {
			return nil, err
		}
	}
	for i := range c.mode {
		if err := add(c.mode[i].FilePath, true); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// emptied are the folders that lose a file, which keepEmptyFolders is about.
func (c *change) emptied() []string {
	all := map[string]bool{}
	for _, d := range c.remove {
		all[path.Dir(*d.FilePath)] = true
	}
	for _, p := range c.put {
		if p.SourceFile != nil && p.SourceFile.IsMove != nil && *p.SourceFile.IsMove {
			all[path.Dir(*p.SourceFile.FilePath)] = true
		}
	}
	delete(all, ".")
	return slices.Sorted(maps.Keys(all))
}

// plan decides what a change does to a commit. standing has the entries at the paths of the change. inside has the
// names in the folders that may become empty.
func (c *change) plan(standing map[string]entry, inside map[string][]string) ([]edit, error) {
	n := len(c.put) + len(c.remove) + len(c.mode)
	if n == 0 {
		return nil, &cc.FileEntryRequiredException{
			Message: "The commit cannot be created because no files have been specified as added, updated, or changed.",
		}
	}
	if n > maxEntries {
		return nil, &cc.MaximumFileEntriesExceededException{
			Message: fmt.Sprintf("A commit may change at most %d files; this one names %d.", maxEntries, n),
		}
	}
	p := planner{standing: standing, edits: map[string]edit{}}
	for _, f := range c.put {
		if err := p.put(f); err != nil {
			return nil, err
		}
	}
	for _, f := range c.remove {
		if err := p.remove(*f.FilePath); err != nil {
			return nil, err
		}
	}
	for _, f := range c.mode {
		if err := p.setMode(f); err != nil {
			return nil, err
		}
	}
	if err := p.conflicts(); err != nil {
		return nil, err
	}
	if c.keepEmpty {
		p.keep(c.emptied(), inside)
	}
	edits := slices.SortedFunc(maps.Values(p.edits), func(a, b edit) int { return strings.Compare(a.path, b.path) })
	edits = slices.DeleteFunc(edits, func(e edit) bool {
		return !e.removed && e.before != nil && e.before.id == e.id && e.before.mode == e.mode
	})
	if len(edits) == 0 {
		return nil, &cc.NoChangeException{
			Message: "The commit cannot be created because no changes will be made to the repository as a result of " +
				"this commit. A commit must contain at least one change.",
		}
	}
	return edits, nil
}

type planner struct {
	standing map[string]entry
	edits    map[string]edit
}

func (p *planner) add(e edit) error {
	if _, twice := p.edits[e.path]; twice {
		return &cc.SamePathRequestException{
			Message: "The commit cannot be created because one or more changes in this commit duplicate actions in " +
				"the same file path: " + e.path + ".",
		}
	}
	if s, ok := p.standing[e.path]; ok && s.kind == "blob" {
		e.before = &s
	}
	p.edits[e.path] = e
	return nil
}

// file returns the file at a path of the parent commit.
func (p *planner) file(name string) (entry, error) {
	e, ok := p.standing[name]
	if !ok || e.kind != "blob" {
		return e, &cc.FileDoesNotExistException{Message: "The file " + name + " does not exist in the parent commit."}
	}
	return e, nil
}

func (p *planner) put(f cc.PutFileEntry) error {
	e := edit{path: *f.FilePath, mode: modeNumbers[f.FileMode]}
	switch {
	case f.FileContent != nil && f.SourceFile != nil:
		return &cc.FileContentAndSourceFileSpecifiedException{
			Message: "The commit cannot be created because both a source file and file content have been specified " +
				"for " + e.path + ". You cannot provide both.",
		}
	case f.SourceFile != nil:
		if err := p.copy(&e, f.SourceFile); err != nil {
			return err
		}
	case f.FileContent != nil:
		if len(f.FileContent) > maxFile {
			return &cc.FileContentSizeLimitExceededException{
				Message: fmt.Sprintf("The file %s is larger than 6 MB (%d bytes). Push it with git.", e.path,
					len(f.FileContent)),
			}
		}
		e.content, e.id = f.FileContent, blobID(f.FileContent)
	default:
		return &cc.SourceFileOrContentRequiredException{
			Message: "The commit cannot be created because no source files or file content have been specified for " +
				e.path + ".",
		}
	}
	if s, ok := p.standing[e.path]; ok && e.mode == "" && s.kind == "blob" {
		e.mode = s.mode
	}
	if e.mode == "" {
		e.mode = modeNumbers[cc.FileModeTypeEnumNormal]
	}
	return p.add(e)
}

// copy takes the content of e, and its mode unless it has one, from another file, which it removes if it is moved.
func (p *planner) copy(e *edit, f *cc.SourceFileSpecifier) error {
	from := *f.FilePath
	if path.Base(from) == gitkeep {
		return &cc.RestrictedSourceFileException{
			Message: "The commit cannot be created because one of the changes specifies copying or moving a " +
				".gitkeep file: " + from + ".",
		}
	}
	source, err := p.file(from)
	if err != nil {
		return err
	}
	e.id = source.id
	if e.mode == "" {
		e.mode = source.mode
	}
	if f.IsMove != nil && *f.IsMove {
		return p.remove(from)
	}
	return nil
}

func (p *planner) remove(name string) error {
	if _, err := p.file(name); err != nil {
		return err
	}
	return p.add(edit{path: name, removed: true})
}

func (p *planner) setMode(f cc.SetFileModeEntry) error {
	s, err := p.file(*f.FilePath)
	if err != nil {
		return err
	}
	return p.add(edit{path: *f.FilePath, id: s.id, mode: modeNumbers[f.FileMode]})
}

// conflicts refuses a file where a folder is, and a folder where a file is.
func (p *planner) conflicts() error {
	for name, e := range p.edits {
		if e.removed {
			continue
		}
		if s := p.standing[name]; s.kind == "tree" {
			return &cc.FileNameConflictsWithDirectoryNameException{
				Message: "A file cannot be added because the specified file name has the same name as a directory in " +
					"this repository: " + name + ".",
			}
		} else if s.kind == "commit" {
			return submoduleConflict(name)
		}
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			above, edited := p.edits[d]
			if edited && !above.removed {
				return &cc.PutFileEntryConflictException{
					Message: "The commit cannot be created because one or more files specified in the commit " +
						"reference both a file and a folder: " + d + ".",
				}
			}
			switch p.standing[d].kind {
			case "commit":
				return submoduleConflict(d)
			case "blob":
				if !edited {
					return &cc.DirectoryNameConflictsWithFileNameException{
						Message: "A file cannot be added because the specified path has the same name as a file that " +
							"already exists in this repository: " + d + ".",
					}
				}
			}
		}
	}
	return nil
}

func submoduleConflict(name string) error {
	return &cc.FilePathConflictsWithSubmodulePathException{
		Message: "The commit cannot be created because a specified file path points to a submodule: " + name + ".",
	}
}

// keep adds a .gitkeep to each folder that loses its last file.
func (p *planner) keep(folders []string, inside map[string][]string) {
	for _, d := range folders {
		empty := !slices.ContainsFunc(inside[d], func(name string) bool { return !p.edits[path.Join(d, name)].removed })
		for name, e := range p.edits {
			empty = empty && (e.removed || !strings.HasPrefix(name, d+"/"))
		}
		if empty {
			name := path.Join(d, gitkeep)
			p.edits[name] = edit{
				path:    name,
				mode:    modeNumbers[cc.FileModeTypeEnumNormal],
				content: []byte{},
				id:      blobID(nil),
			}
		}
	}
}

// blobID is the ID that Git gives a file's content.
func blobID(content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}
