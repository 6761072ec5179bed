package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/quarantine"
)

// Home is where bare repositories are. Git works on files, so that every home has a folder on this machine for each.
type Home interface {
	// Dir is the folder of a repository, by its ID.
	Dir(id string) string
	// Make makes an empty folder for a repository.
	Make(id string) error
	// Remove deletes a repository's folder. A folder that does not exist is not an error.
	Remove(id string) error
	// Sweep moves unknown folders that are older than a day to the quarantine. They are left by a crash while a
	// repository was made or deleted, or belong to another database. known is called after the folders were listed, so
	// that every folder in use has its row by then.
	Sweep(ctx context.Context, known func(context.Context) (map[string]bool, error)) error
}

// Folder implements Home in a folder of this machine.
type Folder struct {
	Path  string
	Aside quarantine.Place // for folders that the database does not know
}

// NewFolder makes the folder if it is missing.
func NewFolder(path string, aside quarantine.Place) (Folder, error) {
	return Folder{path, aside}, os.MkdirAll(path, 0o700)
}

// Dir implements Home.
func (f Folder) Dir(id string) string { return filepath.Join(f.Path, id+".git") }

// Make implements Home.
func (f Folder) Make(id string) error { return os.MkdirAll(f.Dir(id), 0o700) }

// Remove implements Home.
func (f Folder) Remove(id string) error { return os.RemoveAll(f.Dir(id)) }

// Sweep implements Home: folders go to the quarantine.
func (f Folder) Sweep(ctx context.Context, known func(context.Context) (map[string]bool, error)) error {
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		return err
	}
	has, err := known(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".git")
		if !ok || has[id] {
			continue
		}
		if _, err := f.Aside.Take(f.Dir(id), "repositories",
			"The database knows no repository of this ID."); err != nil {
			return err
		}
	}
	return nil
}
