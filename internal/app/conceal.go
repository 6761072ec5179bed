package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// secretVariables are environment variables with secrets. A process does not show them in /proc/PID/environ.
var secretVariables = []string{
	"SLIPWAY_ACCESS_KEY_ID",
	"SLIPWAY_SECRET_ACCESS_KEY",
	"SLIPWAY_SESSION_TOKEN",
	"SLIPWAY_DATABASE",
	"SLIPWAY_PROMETHEUS",
	"SLIPWAY_SMTP",
	"AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN",
}

// secretsFD names the descriptor of a pipe with the secret variables, as JSON.
const secretsFD = "SLIPWAY_SECRETS_FD"

// Conceal hides the secret variables from other processes. It executes this program again in the same process, passes
// the secrets through a pipe, and sets them as variables there. No other process may trace this one or read its memory.
func Conceal() error {
	if err := receiveSecrets(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	if came := os.Getenv(concealedMark) != ""; came {
		return os.Unsetenv(concealedMark)
	}
	clean, pipe, err := concealed(os.Environ())
	if err != nil || pipe == nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	kept := []int{int(pipe.Fd())}
	if os.Getenv("SLIPWAY_READY_FD") == "3" {
		kept = append(kept, 3)
	}
	for _, fd := range kept { // the program that takes this one's place has them too
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("hand the secrets on: %w", err)
		}
	}
	environment := append(clean, secretsFD+"="+strconv.Itoa(int(pipe.Fd())))
	return fmt.Errorf("start anew without secrets in the environment: %w", syscall.Exec(program, os.Args, environment))
}

// concealedMark says, within one process, that its secrets came by a pipe.
const concealedMark = "SLIPWAY_CONCEALED"

// receiveSecrets sets the secrets in the pipe, if there is one, as variables of this process. They do not appear in
// /proc.
func receiveSecrets() error {
	fd, err := strconv.Atoi(os.Getenv(secretsFD))
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	_ = os.Unsetenv(secretsFD)
	f := os.NewFile(uintptr(fd), "secrets")
	defer f.Close()
	var secrets map[string]string
	if err := json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&secrets); err != nil {
		return fmt.Errorf("read the secrets that were handed over: %w", err)
	}
	for name, value := range secrets {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return os.Setenv(concealedMark, "yes")
}

// concealed splits an environment into the variables without secrets and a pipe with the secrets. The pipe is nil if
// there are no secrets.
func concealed(environment []string) (clean []string, pipe *os.File, err error) {
	secrets := map[string]string{}
	for _, v := range environment {
		name, value, _ := strings.Cut(v, "=")
		if slices.Contains(secretVariables, name) {
			secrets[name] = value
		} else {
			clean = append(clean, v)
		}
	}
	if len(secrets) == 0 {
		return clean, nil, nil
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return nil, nil, err
	}
	if len(text) > 32<<10 { // what a pipe surely holds without a reader
		return nil, nil, fmt.Errorf("the secrets in the environment have %d bytes; at most 32 KiB are taken", len(text))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer write.Close()
	_, err = write.Write(text)
	return clean, read, err
}
