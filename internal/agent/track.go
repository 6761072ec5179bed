package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	cmd "slipway/api/codedeploycommand"
	"slipway/internal/fault"
)

// track is the durable record of a command in hand: a file that is named after the deployment. Its lines are the
// command, then "started" once something may have been done, then the result. So a command is never run twice, whenever
// the agent dies.
type track struct {
	path    string
	file    *os.File
	command *cmd.HostCommandInstance
	started bool
	result  *result
}

// result is what a command came to, as it is reported.
type result struct {
	Status string `json:"status"`
	Code   int    `json:"error_code"`
	Script string `json:"script_name"`
	// Message is for people.
	Message string `json:"message"`
	Log     string `json:"log"`
}

// Codes of AWS's agent.
const (
	succeeded      = 0
	scriptMissing  = 1
	notExecutable  = 2
	timedOut       = 3
	scriptFailed   = 4
	unknownError   = 5
	outputLeftOpen = 6
	afterRestart   = 7
)

const startedLine = "started"

// takeUp records a command before it is acknowledged.
func (a *agent) takeUp(deployment string, c *cmd.HostCommandInstance) (*track, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if err := a.makeFolders(); err != nil {
		return nil, err
	}
	t := &track{path: filepath.Join(a.ongoing(), deployment), command: c}
	if t.file, err = os.OpenFile(t.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if err := t.line(text); err != nil {
		return nil, err
	}
	err = syncDir(a.ongoing())
	fault.Point("agent.taken")
	return t, err
}

func (t *track) line(text []byte) error {
	if _, err := t.file.Write(append(text, '\n')); err != nil {
		return err
	}
	return t.file.Sync()
}

// start records that from here on something may have been done.
func (t *track) start() error {
	if t.started {
		return nil
	}
	t.started = true
	err := t.line([]byte(startedLine))
	fault.Point("agent.started")
	return err
}

// end records the result before it is reported.
func (t *track) end(r *result) error {
	t.result = r
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = t.line(text)
	fault.Point("agent.ended")
	return err
}

// drop forgets a command: its end was reported, or is somebody else's.
func (t *track) drop() {
	_ = t.file.Close()
	_ = os.Remove(t.path)
}

// readTracks finds the commands that the agent had in hand when it died. A line that was cut off counts for nothing.
func (a *agent) readTracks() ([]*track, error) {
	entries, err := os.ReadDir(a.ongoing())
	if err != nil {
		return nil, err
	}
	var tracks []*track
	for _, e := range entries {
		path := filepath.Join(a.ongoing(), e.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		t := &track{path: path, command: new(cmd.HostCommandInstance)}
		lines := bytes.SplitAfter(content, []byte("\n"))
		if !bytes.HasSuffix(lines[0], []byte("\n")) || json.Unmarshal(lines[0], t.command) != nil ||
			t.command.HostCommandIdentifier == nil || t.command.CommandName == nil ||
			t.command.DeploymentExecutionId == nil {
			// The record was not complete, so that nothing was acknowledged, let alone done.
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			continue
		}
		t.replay(lines[1:])
		if t.file, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	return tracks, nil
}

// replay reads how far a command was when the agent died.
func (t *track) replay(lines [][]byte) {
	for _, line := range lines {
		text := strings.TrimSuffix(string(line), "\n")
		if len(text) == len(line) {
			return
		}
		r := new(result)
		if text == startedLine {
			t.started = true
		} else if json.Unmarshal([]byte(text), r) == nil {
			t.result = r
		}
	}
}
