package object

import (
	"context"
	"strings"
)

// Query is what a listing asks for.
type Query struct {
	Prefix, Delimiter string
	After             string // keys (and common prefixes) up to and including this one are left out
	AfterVersion      string // with Versions: within the key After, versions up to this one are left out
	Limit             int
	Versions          bool
}

// Page is a page of a listing, in the order of keys, with at most Limit objects and prefixes together.
type Page struct {
	Objects  []Object
	Prefixes []string
	// Next is the After of the following page. It is "" on the last page.
	Next        string
	NextVersion string
}

// beyond sorts after every key that begins with the text before it, because no valid UTF-8 key has this byte.
const beyond = "\U0010FFFF"

// List reads a page. It skips keys that share a prefix up to the delimiter in one step, so that the cost of a folder
// does not depend on the number of its objects.
func (s *Store) List(ctx context.Context, bucket string, q Query) (Page, error) {
	var p Page
	if _, err := s.Bucket(ctx, bucket); err != nil {
		return p, err
	}
	after, afterVersion := q.After, q.AfterVersion
	if q.Delimiter != "" && strings.HasSuffix(after, q.Delimiter) && strings.HasPrefix(after, q.Prefix) &&
		afterVersion == "" {
		after += beyond
	}
	for {
		want := q.Limit - len(p.Objects) - len(p.Prefixes)
		batch, err := s.batch(ctx, bucket, q, after, afterVersion, want+1)
		if err != nil {
			return p, err
		}
		jumped := false
		for _, o := range batch {
			if len(p.Objects)+len(p.Prefixes) >= q.Limit {
				p.Next, p.NextVersion = last(p, q)
				return p, nil
			}
			if folder, ok := folderOf(o.Key, q); ok {
				p.Prefixes = append(p.Prefixes, folder)
				after, afterVersion, jumped = folder+beyond, "", true
				break
			}
			p.Objects = append(p.Objects, o)
			after, afterVersion = o.Key, o.Version
		}
		if !jumped && len(batch) <= want {
			return p, nil
		}
	}
}

func last(p Page, q Query) (key, version string) {
	if n := len(p.Objects); n > 0 {
		key = p.Objects[n-1].Key
		if q.Versions {
			version = p.Objects[n-1].Version
		}
	}
	if n := len(p.Prefixes); n > 0 && p.Prefixes[n-1] > key {
		return p.Prefixes[n-1], ""
	}
	return key, version
}

func folderOf(key string, q Query) (string, bool) {
	if q.Delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(q.Prefix):], q.Delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(q.Prefix)+i+len(q.Delimiter)], true
}

func (s *Store) batch(ctx context.Context, bucket string, q Query, after, afterVersion string,
	limit int) ([]Object, error) {
	end := q.Prefix + beyond
	if q.Versions {
		return many(ctx, s.db, `WHERE bucket = $1 AND key >= $2 AND key < $3 AND (key > $4 OR key = $4 AND sequence <
			COALESCE((SELECT sequence FROM objects WHERE bucket = $1 AND key = $4 AND version = $5), 0))
			ORDER BY key, sequence DESC LIMIT $6`, bucket, q.Prefix, end, after, afterVersion, limit)
	}
	return many(ctx, s.db,
		`WHERE bucket = $1 AND latest = 1 AND deleted = 0 AND key >= $2 AND key < $3 AND key > $4 ORDER BY key
			LIMIT $5`,
		bucket, q.Prefix, end, after, limit)
}
