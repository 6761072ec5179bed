package quarantine_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/internal/quarantine"
)

func TestTake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	p := quarantine.Place{Dir: filepath.Join(dir, "quarantine"), Now: func() time.Time { return now },
		Log: slog.New(slog.DiscardHandler)}
	lost := filepath.Join(dir, "lost")
	if err := os.MkdirAll(lost, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lost, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if moved, err := p.Take(lost, "repositories", "why"); moved || err != nil {
		t.Errorf("a folder that was just made: moved %v, %v", moved, err)
	}
	now = now.Add(25 * time.Hour)
	if moved, err := p.Take(lost, "repositories", "The database does not know it."); !moved || err != nil {
		t.Fatalf("a folder of yesterday: moved %v, %v", moved, err)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "repositories", "*-lost", "file"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	note, err := os.ReadFile(filepath.Dir(kept[0]) + ".txt")
	if err != nil || !strings.Contains(string(note), lost) ||
		!strings.Contains(string(note), "The database does not know it.") {
		t.Errorf("note %q, %v", note, err)
	}
	if moved, err := p.Take(lost, "repositories", "why"); moved || err != nil {
		t.Errorf("what is gone: moved %v, %v", moved, err)
	}
}
