package cache

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Wanted is what a build looks for.
type Wanted struct {
	// Scopes are looked into in their order: those of a key first, then those of a fallback.
	Scopes  []string
	Version string
	Key     string
	Parts   []Part
	// Fallbacks are prefixes of keys. The first that some key begins with counts, of its caches the newest.
	Fallbacks []string
	// Since is when the caches of the project were invalidated, by the server's clock: those of builds that were
	// submitted before are not there any more.
	Since time.Time
}

// Answer is what was found.
type Answer struct {
	Head     *Head  // nil for nothing
	Fallback string // that led to it; "" if the key did
	// Near is the cache that is most like the wanted one and saved last, if the key was not found; nil if there is
	// none that was made of the same kind of key.
	Near *Head
	// Changed names the parts of the key that are not those of Near.
	Changed []string
}

// maxNear is how many heads are compared with a key that is missing.
const maxNear = 20

// Find looks for a cache.
func Find(ctx context.Context, in Store, w Wanted) (Answer, error) {
	f := finding{ctx, in, w}
	for _, scope := range w.Scopes {
		if h, err := f.head(scope, w.Key); err != nil || h != nil {
			return Answer{Head: h}, err
		}
	}
	var a Answer
	var err error
	if a.Near, err = f.nearest(); err != nil {
		return a, err
	}
	if a.Near != nil {
		a.Changed = changes(w.Parts, a.Near.Parts)
	}
	for _, prefix := range w.Fallbacks {
		for _, scope := range w.Scopes {
			if h, err := f.newest(scope, prefix); err != nil || h != nil {
				a.Head, a.Fallback = h, prefix
				return a, err
			}
		}
	}
	return a, nil
}

// finding is a search while it goes on.
type finding struct {
	ctx context.Context
	in  Store
	Wanted
}

// head returns the cache of a key; nil if there is none, or it was invalidated.
func (f *finding) head(scope, key string) (*Head, error) {
	h, err := f.in.Head(f.ctx, scope, f.Version, key)
	if _, bad := errors.AsType[*Damaged](err); bad || errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilerr // it is as good as missing, and is written anew
	}
	if err != nil || !h.AsOf.After(f.Since) {
		return nil, err
	}
	return h, nil
}

// sorted lists keys, those that were saved last first.
func (f *finding) sorted(scope, prefix string) ([]Listed, error) {
	all, err := f.in.List(f.ctx, scope, f.Version, prefix)
	slices.SortFunc(all, func(a, b Listed) int {
		return cmp.Or(b.Saved.Compare(a.Saved), strings.Compare(a.Key, b.Key))
	})
	return all, err
}

// newest returns the cache that was saved last of those whose keys begin with a prefix; nil if there is none.
func (f *finding) newest(scope, prefix string) (*Head, error) {
	all, err := f.sorted(scope, prefix)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if h, err := f.head(scope, l.Key); err != nil || h != nil {
			return h, err
		}
	}
	return nil, nil
}

// nearest returns the cache whose key was made of the most parts that the wanted one is made of too.
func (f *finding) nearest() (best *Head, err error) {
	score, left := 0, maxNear
	for _, scope := range f.Scopes {
		all, err := f.sorted(scope, "")
		if err != nil {
			return nil, err
		}
		for _, l := range all[:min(left, len(all))] {
			left--
			h, err := f.head(scope, l.Key)
			if err != nil {
				return nil, err
			}
			if h == nil {
				continue
			}
			if n := alike(f.Parts, h.Parts); n > score {
				best, score = h, n
			}
		}
	}
	return best, nil
}

// alike counts the parts that two keys have in common.
func alike(a, b []Part) (n int) {
	for _, p := range a {
		if slices.Contains(b, p) {
			n++
		}
	}
	return n
}

// changes names the parts that differ between a key and one that was stored.
func changes(now, then []Part) (names []string) {
	was := map[string]string{}
	for _, p := range then {
		was[p.Name] = p.Value
	}
	is := map[string]bool{}
	for _, p := range now {
		is[p.Name] = true
		if v, ok := was[p.Name]; !ok || v != p.Value {
			names = append(names, p.Name)
		}
	}
	for _, p := range then {
		if !is[p.Name] {
			names = append(names, p.Name)
		}
	}
	return names
}
