package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slipway/api/slipway"
)

// tablePath is where the router keeps its table. It holds private keys, so its owner alone may read it.
func (s *server) tablePath() string { return filepath.Join(s.Dir, "table.json") }

// keep writes the table, whole or not at all, and durably.
func (s *server) keep(text []byte) error {
	f, err := os.CreateTemp(s.Dir, ".table-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.tablePath()); err != nil {
		return err
	}
	d, err := os.Open(s.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// kept reads the table that was kept; nil if there is none.
func (s *server) kept() (*slipway.Table, error) {
	text, err := os.ReadFile(s.tablePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var t slipway.Table
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", s.tablePath(), err)
	}
	return &t, nil
}
