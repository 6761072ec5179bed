package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"slipway/api/slipway"
	"slipway/internal/fault"
)

// record is what a runner knows of a build after whatever crash: its order, whether it was started, and its result.
type record struct {
	id      string // PROJECT:UUID
	order   slipway.Order
	started bool
	result  *slipway.Result
}

// records keeps a file a build, in which one line follows another: the order, "started", the result.
type records struct{ dir string }

type recordLine struct {
	ID      string          `json:"id,omitzero"`
	Order   json.RawMessage `json:"order,omitzero"`
	Started bool            `json:"started,omitzero"`
	Result  *slipway.Result `json:"result,omitzero"`
}

// path has the build's UUID for a name.
func (r records) path(id string) (string, error) {
	_, name, ok := strings.Cut(id, ":")
	if !ok || name == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("%q is no build ID", id)
	}
	return filepath.Join(r.dir, name+".json"), nil
}

// keepOrder writes a build's order, before it is acknowledged. It outlasts the runner; keepStarted makes it durable.
func (r records) keepOrder(id string, order json.RawMessage) error {
	path, err := r.path(id)
	if err != nil {
		return err
	}
	defer fault.Point("runner.recorded")
	return appendLine(path, recordLine{ID: id, Order: order}, func(*os.File) error { return nil })
}

// keepStarted makes durable that a build is about to be started, before anything of it runs.
func (r records) keepStarted(id string) error {
	path, err := r.path(id)
	if err != nil {
		return err
	}
	defer fault.Point("runner.started")
	if err := appendLine(path, recordLine{Started: true}, (*os.File).Sync); err != nil {
		return err
	}
	return syncFolder(r.dir)
}

// keepResult makes a result durable, before it is reported.
func (r records) keepResult(id string, result slipway.Result) error {
	path, err := r.path(id)
	if err != nil {
		return err
	}
	defer fault.Point("runner.ended")
	return appendLine(path, recordLine{Result: &result}, (*os.File).Sync)
}

// forget removes the record of a build whose result the server has.
func (r records) forget(id string) error {
	path, err := r.path(id)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// all reads what earlier runners left.
func (r records) all() ([]record, error) {
	files, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	var out []record
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		path := filepath.Join(r.dir, f.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		rec, ok := parseRecord(text)
		if !ok { // it was being written for the first time: the build was not acknowledged
			if err := os.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, rec)
	}
	return out, nil
}

// parseRecord reads lines up to the first that a crash cut off.
func parseRecord(text []byte) (record, bool) {
	var rec record
	for line := range bytes.Lines(text) {
		var l recordLine
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &l) != nil {
			break
		}
		switch {
		case l.Order != nil:
			rec.id = l.ID
			if json.Unmarshal(l.Order, &rec.order) != nil {
				return rec, false
			}
		case l.Result != nil:
			rec.result = l.Result
		case l.Started:
			rec.started = true
		}
	}
	return rec, rec.id != ""
}

// appendLine writes a line to the end of a file, and then keeps the file.
func appendLine(path string, l recordLine, keep func(*os.File) error) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	// A line that a crash cut off is written over.
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := int64(bytes.LastIndexByte(old, '\n') + 1)
	if err := f.Truncate(end); err != nil {
		return err
	}
	if _, err := f.WriteAt(append(b, '\n'), end); err != nil {
		return err
	}
	return keep(f)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// lockFolder takes a folder for this process alone, until it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another runner works in %s", dir)
		}
		return nil, err
	}
	return f, nil
}
