// Package journal keeps the logs of builds and deployments while they are written and after: raw bytes, and beside them
// a sparse index that says where a line begins and when it was written. One process appends, any number of others read
// the same files and see each byte at once. What was written is neither lost nor doubled when the writer is killed.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"slipway/internal/quarantine"
)

// MaxLine is the longest line in bytes that Read returns: longer ones are cut into several.
const MaxLine = 64 << 10

var (
	// ErrNotExist says that there is no such log.
	ErrNotExist = errors.New("there is no such log")
	// ErrBusy says that another writer, here or in another process, has the log open.
	ErrBusy = errors.New("the log is being written by another process")
	// ErrComplete says that the log was closed: nothing is appended to it any more.
	ErrComplete = errors.New("the log is complete")
	// ErrName says that a group or stream cannot be a name.
	ErrName = errors.New("invalid log name")
)

// Name names a log as CloudWatch Logs does: a stream in a group.
type Name struct{ Group, Stream string }

func (n Name) String() string { return n.Group + ":" + n.Stream }

// Journal is a folder of logs. Its methods may be called by several goroutines.
type Journal struct {
	dir      string
	watch    sync.Mutex
	hub      *hub     // made by the first Wait
	listings sync.Map // of folders: see list
}

// Open opens the journal in dir, which it makes if it is missing. A journal that is no longer used should be closed.
func Open(dir string) (*Journal, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return &Journal{dir: dir}, nil
}

// Close ends all calls of Wait. Writers stay open.
func (j *Journal) Close() error {
	j.watch.Lock()
	defer j.watch.Unlock()
	if j.hub == nil {
		return nil
	}
	h := j.hub
	j.hub = nil
	return h.close()
}

// Remove deletes a log, whether it is complete or not. Removing one that does not exist is no error.
func (j *Journal) Remove(n Name) error {
	dir, err := j.path(n)
	if err != nil {
		return err
	}
	bytes := int64(0)
	if x, err := openIndex(dir); err == nil {
		if last, ok := x.last(); ok && last.complete {
			bytes = last.offset
		}
		x.close()
	}
	// Renamed first, so that a crash leaves no log without its index.
	grave := filepath.Join(filepath.Dir(dir), ".removed-"+filepath.Base(dir))
	if err := os.RemoveAll(grave); err != nil {
		return fmt.Errorf("remove log %s: %w", n, err)
	}
	if err := os.Rename(dir, grave); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("remove log %s: %w", n, err)
	}
	if err := os.RemoveAll(grave); err != nil {
		return fmt.Errorf("remove log %s: %w", n, err)
	}
	return addBytes(filepath.Dir(dir), -bytes)
}

// Sync makes a log outlast a loss of power. One that does not exist is no error.
func (j *Journal) Sync(n Name) error {
	dir, err := j.path(n)
	if err != nil {
		return err
	}
	for _, name := range []string{"log", "index"} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed
		}
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return fmt.Errorf("sync log %s: %w", n, err)
		}
	}
	return nil
}

// MoveAway moves a log to the quarantine, if it is older than a day: the database knows nothing that it could be of.
func (j *Journal) MoveAway(n Name, aside quarantine.Place) error {
	dir, err := j.path(n)
	if err != nil {
		return err
	}
	_, err = aside.Take(dir, "journal", "The database knows nothing that the log "+n.String()+" could be of.")
	return err
}

func (j *Journal) path(n Name) (string, error) {
	group, err := escape(n.Group)
	if err != nil {
		return "", fmt.Errorf("%w: group %q: %w", ErrName, n.Group, err)
	}
	stream, err := escape(n.Stream)
	if err != nil {
		return "", fmt.Errorf("%w: stream %q: %w", ErrName, n.Stream, err)
	}
	return filepath.Join(j.dir, group, stream), nil
}

// escape makes a file name of a log's name: it has no slash and no leading dot, so that names beginning with a dot are
// the journal's own.
func escape(s string) (string, error) {
	const hexdigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0,
			c == '@', c == '+', c == '=', c == ',':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexdigits[c>>4])
			b.WriteByte(hexdigits[c&15])
		}
	}
	// 240 leaves room for the name's grave in Remove.
	if b.Len() == 0 || b.Len() > 240 {
		return "", errors.New("a name has from 1 to 240 bytes, of which each that is no letter, digit or one of " +
			"-_.@+=, counts three times")
	}
	return b.String(), nil
}

func unescape(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		var c byte
		if i+2 >= len(s) {
			return "", false
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", false
		}
		b = append(b, c)
		i += 2
	}
	return string(b), true
}
