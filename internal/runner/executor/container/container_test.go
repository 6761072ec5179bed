package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/runner/executor/executortest"
)

// engine is the executor of an engine that a test may use.
func engine(t *testing.T) *Executor {
	t.Helper()
	e, err := New(t.Context(), Config{})
	if err != nil {
		t.Skip("SKIPPED: " + err.Error())
	}
	return e
}

func TestContainersAreAnExecutor(t *testing.T) {
	executortest.Run(t, engine(t), true, os.Getenv("IMG"))
	_ = exec.ErrDot
	_ = filepath.Join
	_ = strings.Cut
}
